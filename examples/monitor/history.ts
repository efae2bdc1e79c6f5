/**
 * What was measured, in SQLite: in memory, or in a file that outlives the program.
 *
 * @module
 */

import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Sample } from "./statistics.ts";

/** How much is kept. */
export interface Retention {
  /**
   * Most results of one target; the oldest go first, where there is a hundredth more.
   * 20,000 by default.
   */
  maxSamples?: number;
  /** Longest time in days, also for targets that are not watched any more. 30 by default. */
  maxDays?: number;
}

/** The results of all targets. A database never grows beyond its retention. */
export class History implements Disposable {
  readonly #database: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #trim: StatementSync;
  readonly #select: StatementSync;
  readonly #maxSamples: number;
  /** How many results of a target may still be added before the oldest are removed. */
  readonly #untilTrim = new Map<string, number>();

  /**
   * Opens a database, and makes what it lacks.
   *
   * @param path Its file; in memory by default, which takes no permission.
   * @param retention How much is kept.
   * @throws {Error} The file cannot be opened, or is something else.
   */
  constructor(path = ":memory:", retention: Retention = {}) {
    this.#maxSamples = retention.maxSamples ?? 20_000;
    this.#database = open(path);
    try {
      this.#database.prepare("DELETE FROM samples WHERE at < ?")
        .run(Date.now() - (retention.maxDays ?? 30) * 86_400_000);
      this.#insert = this.#database.prepare(
        "INSERT INTO samples (target, at, ok, value, detail) VALUES (?, ?, ?, ?, ?)",
      );
      this.#trim = this.#database.prepare(`
        DELETE FROM samples WHERE target = ?1 AND id <= (
          SELECT id FROM samples WHERE target = ?1
          ORDER BY id DESC LIMIT 1 OFFSET ?2
        )`);
      this.#select = this.#database.prepare(`
        SELECT at, ok, value, detail FROM samples WHERE target = ?
        ORDER BY id DESC LIMIT ?`);
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  /** Keeps one more result. */
  add(target: string, { at, ok, value, detail }: Sample): void {
    this.#insert.run(target, at, ok ? 1 : 0, value, detail);
    // It goes through all that are kept: not each time.
    const untilTrim = this.#untilTrim.get(target) ?? 0;
    if (untilTrim === 0) this.#trim.run(target, this.#maxSamples);
    const next = untilTrim || Math.ceil(this.#maxSamples / 100);
    this.#untilTrim.set(target, next - 1);
  }

  /** The newest results of a target, the oldest of them first. */
  recent(target: string, limit: number): Sample[] {
    return this.#select.all(target, limit).reverse().map((row) => ({
      at: row.at as number,
      ok: row.ok === 1,
      value: row.value as number | null,
      detail: row.detail as string,
    }));
  }

  /** Closes the database. */
  [Symbol.dispose](): void {
    this.#database.close();
  }
}

function open(path: string): DatabaseSync {
  try {
    return openAs(path, "NORMAL");
  } catch (error) {
    // On a full disk there is no room for the index of the log, which monitors share: this
    // one keeps it in memory, and the file for itself.
    if (!/disk I\/O error/.test((error as Error).message)) throw error;
    return openAs(path, "EXCLUSIVE");
  }
}

function openAs(path: string, locking: "NORMAL" | "EXCLUSIVE"): DatabaseSync {
  const database = new DatabaseSync(path);
  try {
    database.exec(`
      -- Another monitor may use the same file: wait for it, but not for long.
      PRAGMA busy_timeout = 2000;
      PRAGMA locking_mode = ${locking};
    `);
    logAhead(database);
    database.exec(`
      PRAGMA synchronous = NORMAL;
      CREATE TABLE IF NOT EXISTS samples (
        id INTEGER PRIMARY KEY,
        target TEXT NOT NULL,
        at INTEGER NOT NULL,
        ok INTEGER NOT NULL,
        value REAL,
        detail TEXT NOT NULL
      ) STRICT;
      CREATE INDEX IF NOT EXISTS samples_by_target ON samples (target, id);
    `);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * A power cut may cost the last results, never the database; and what is measured meanwhile
 * does not wait for the disk at each result.
 */
function logAhead(database: DatabaseSync): void {
  try {
    database.exec("PRAGMA journal_mode = WAL");
  } catch {
    // A database of before stays as it was while its disk is full.
  }
}
