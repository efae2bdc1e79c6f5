/**
 * Reads values out of JSON that a person wrote, and says in one line what is wrong
 * with it and where.
 *
 * @module
 */

import { cleanText, visibleText } from "../_safe_text.ts";

/** The configuration is wrong; the message names the field and what it must be. */
export class ConfigError extends Error {
  static {
    this.prototype.name = "ConfigError";
  }
}

/** One object of the configuration. */
export class Fields {
  readonly #where: string;
  readonly #values: Record<string, unknown>;
  readonly #read = new Set<string>();

  /**
   * @param where Its place, such as `"targets[0]"`; empty for the whole.
   * @param value What should be an object.
   */
  constructor(where: string, value: unknown) {
    this.#where = where;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new ConfigError(
        `Cannot read the configuration: ${where || "it"} must be an object, ` +
          `got ${show(value)}`,
      );
    }
    this.#values = value as Record<string, unknown>;
  }

  /** A text of at most `most` characters, all of them to be seen unless `raw`. */
  text(
    name: string,
    { fallback, most = 200, raw = false }: {
      fallback?: string;
      most?: number;
      raw?: boolean;
    } = {},
  ): string {
    const value = this.#take(name) ?? fallback;
    const fits = typeof value === "string" && value !== "" &&
      value.length <= most &&
      (raw || cleanText(value) === value);
    if (fits) return value;
    this.refuse(name, `a printable text of 1 to ${most} characters`);
  }

  /** A whole number. */
  integer(
    name: string,
    { least, most, fallback }: {
      least: number;
      most: number;
      fallback: number;
    },
  ): number {
    const value = this.#take(name) ?? fallback;
    const fits = Number.isInteger(value) && (value as number) >= least &&
      (value as number) <= most;
    if (fits) return value as number;
    this.refuse(name, `a whole number from ${least} to ${most}`);
  }

  /** One of some words. */
  choice<Word extends string>(
    name: string,
    words: readonly Word[],
    fallback: Word,
  ): Word {
    const value = this.#take(name) ?? fallback;
    const word = words.find((each) => each === value);
    return word ?? this.refuse(name, `one of ${words.join(", ")}`);
  }

  /** A list of `least` to `most` things; an empty one if it may be left out. */
  list(
    name: string,
    { least = 0, most }: { least?: number; most: number },
  ): unknown[] {
    const value = this.#take(name) ?? (least === 0 ? [] : undefined);
    const fits = Array.isArray(value) && value.length >= least &&
      value.length <= most;
    return fits ? value : this.refuse(name, `a list of ${least} to ${most}`);
  }

  /** Refuses what is not known: a mistyped name must not go unnoticed. */
  end(): void {
    const unknown = Object.keys(this.#values).find((name) =>
      !this.#read.has(name)
    );
    if (unknown === undefined) return;
    throw new ConfigError(
      `Cannot read the configuration: ${this.#where || "it"} must have only ` +
        `${[...this.#read].join(", ")}, got ${show(unknown)}`,
    );
  }

  /** Says that a field is not what it must be. */
  refuse(name: string, must: string): never {
    const where = this.#where === "" ? name : `${this.#where}.${name}`;
    throw new ConfigError(
      `Cannot read the configuration: ${where} must be ${must}, ` +
        `got ${show(this.#values[name])}`,
    );
  }

  #take(name: string): unknown {
    this.#read.add(name);
    return this.#values[name];
  }
}

/** A value in a message: short, on one line, with nothing a terminal would obey. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? "missing";
  return visibleText(text.length <= 60 ? text : `${text.slice(0, 57)}...`);
}
