/**
 * What a flag is that was not given; in a file of its own, as workers import it, too, and no
 * package.
 *
 * @module
 */

/** The value of a flag that was not given. No argument of a program can be this. */
export const UNSET = "\0";
