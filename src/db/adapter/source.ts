import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { packageRoot } from '../../paths.js';

const SHIPPED_FOLDER = join(packageRoot, 'sql', 'adapters');

/** The names of the shipped adapters: each is a folder. Listed here, because help names them, and not every command needs the folders. */
export const SHIPPED_ADAPTERS = [
  'dbos',
  'graphile-worker',
  'minimal',
  'oban',
  'pg-boss',
  'procrastinate',
  'reference',
  'river',
  'solid-queue',
];
/** The same, as help and errors list them. */
export const QUOTED_ADAPTERS = SHIPPED_ADAPTERS.map((name) => `"${name}"`).join(', ');

/** The text of an adapter. */
export interface AdapterSource {
  /** For the user's file or folder: its name, without its path and without `.sql`. */
  name: string;
  isShipped: boolean;
  /** SQL that creates the view and the contract's functions. */
  contract: string;
  /** Statements that create indexes, to be run one by one outside of a transaction; null if there are none. */
  indexes: string | null;
  /** SQL that creates a function and, as its last statement, a trigger on the queue's table; null if there is none. */
  trigger: string | null;
  /** SQL that takes off the queue's tables what would be in the way of their migrations, the trigger and indexes; null if there is nothing. */
  detach: string | null;
}

/**
 * Reads an adapter.
 *
 * @param adapter the name of a shipped one, or the path of an SQL file, or of a folder with `contract.sql` and, if it needs them,
 *   `indexes.sql`, `trigger.sql` and `detach.sql`
 * @throws if there is no such adapter
 */
export async function readAdapter(adapter: string): Promise<AdapterSource> {
  if (SHIPPED_ADAPTERS.includes(adapter)) return readShipped(adapter);
  const path = resolve(adapter);
  if (!existsSync(path)) {
    throw new Error(
      `Expected adapter ${QUOTED_ADAPTERS}, or the path of an SQL file or of a folder with contract.sql, got "${adapter}": there is nothing at ${path}`,
    );
  }
  const name = basename(path).replace(/\.sql$/i, '');
  if (!statSync(path).isDirectory()) {
    return { name, isShipped: false, contract: await readFile(path, 'utf8'), ...NOTHING_ELSE };
  }
  if (!existsSync(join(path, 'contract.sql'))) {
    throw new Error(`Expected contract.sql in the folder of adapter "${adapter}", got none at ${path}`);
  }
  return { name, isShipped: false, ...(await readFolder(path)) };
}

/**
 * Reads a shipped adapter in this version.
 *
 * @throws if this version has no such adapter
 */
export async function readShipped(name: string): Promise<AdapterSource> {
  if (!SHIPPED_ADAPTERS.includes(name)) {
    throw new Error(
      `Expected adapter "${name}" among ${QUOTED_ADAPTERS}, got none: install the version of job-reaper that has it`,
    );
  }
  return { name, isShipped: true, ...(await readFolder(join(SHIPPED_FOLDER, name))) };
}

type Texts = Omit<AdapterSource, 'name' | 'isShipped'>;

const NOTHING_ELSE = { indexes: null, trigger: null, detach: null } as const satisfies Partial<Texts>;

async function readFolder(folder: string): Promise<Texts> {
  const read = async (file: string) =>
    existsSync(join(folder, file)) ? await readFile(join(folder, file), 'utf8') : null;
  const texts = {
    contract: await readFile(join(folder, 'contract.sql'), 'utf8'),
    indexes: await read('indexes.sql'),
    trigger: await read('trigger.sql'),
    detach: await read('detach.sql'),
  };
  if (texts.trigger !== null && texts.detach === null) {
    throw new Error(
      `Expected detach.sql beside trigger.sql, to take the trigger off again, got none at ${folder}`,
    );
  }
  return texts;
}
