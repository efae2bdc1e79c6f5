/** A component that shows nothing, in place of one that the site has no use for. */
export default { render: () => null };
