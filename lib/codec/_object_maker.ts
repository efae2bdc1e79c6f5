/**
 * Making objects of one shape fast.
 *
 * @module
 */

/** Makes an object of some values. */
export type ObjectMaker = (values: readonly unknown[]) => object;

/** A name; where there is none, there is no property of that value. */
export type PropertyName = string | undefined;

/**
 * A function that makes objects with the properties `names` out of their values.
 *
 * Like that of `_fixed_reader.ts` its code is made at run time, because nothing
 * else gets an object literal's speed: adding eight properties by their names takes
 * 190 ns, the literal 80. Only the names go into it, as string literals. Where the
 * engine forbids such code, properties are added one by one.
 */
export function objectMaker(names: readonly PropertyName[]): ObjectMaker {
  const properties = names.flatMap((name, i) =>
    name === undefined ? [] : [`${JSON.stringify(name)}: v[${i}]`]
  );
  try {
    return new Function(
      "v",
      `return { ${properties.join(", ")} };`,
    ) as ObjectMaker;
  } catch {
    return (values) => slowObject(names, values);
  }
}

/** What {@linkcode objectMaker} does without code made at run time. */
export function slowObject(
  names: readonly PropertyName[],
  values: readonly unknown[],
): object {
  const object: Record<string, unknown> = {};
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    if (name !== undefined) object[name] = values[i];
  }
  return object;
}
