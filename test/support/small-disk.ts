import { spawnSync } from 'node:child_process';
import { chownSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import pg from 'pg';
import { inject } from 'vitest';

const SIZE = '24m';
const FILLER = 'filler';

/** A disk of its own for the tables of schema reaper in one database: a small tmpfs with a tablespace on it, which can be full. */
export class SmallDisk {
  readonly #folder: string;
  readonly #name: string;

  private constructor(
    readonly server: pg.Client,
    { folder, name }: { folder: string; name: string },
  ) {
    this.#folder = folder;
    this.#name = name;
  }

  /** Whether this machine lets us mount one, where the test run's server runs. */
  static async canMount(): Promise<boolean> {
    const server = new pg.Client(inject('adminUrl'));
    await server.connect();
    try {
      const folder = mountFor(await ownerOf(server));
      if (folder === null) return false;
      unmount(folder);
      return true;
    } finally {
      await server.end();
    }
  }

  /** Moves what schema reaper has in a database to a new disk. */
  static async of(database: string): Promise<SmallDisk> {
    const url = new URL(inject('adminUrl'));
    const server = new pg.Client(url.href);
    await server.connect();
    const folder = mountFor(await ownerOf(server));
    if (folder === null) throw new Error('Expected to be able to mount a tmpfs, got a refusal');
    const disk = new SmallDisk(server, { folder, name: `disk_of_${database}` });
    try {
      await server.query(
        `create tablespace ${disk.#name} location ${pg.escapeLiteral(join(folder, 'data'))}`,
      );
      url.pathname = database;
      await disk.#move(url.href);
      return disk;
    } catch (error) {
      await disk.unmount();
      throw error;
    }
  }

  async #move(url: string): Promise<void> {
    const client = new pg.Client(url);
    await client.connect();
    try {
      const { rows } = await client.query<{ sql: string }>(
        `select format('alter %s %s set tablespace %I', case relkind when 'i' then 'index' else 'table' end, oid::regclass, $1::text) as sql
           from pg_class where relnamespace = 'reaper'::regnamespace and relkind in ('r', 'i')`,
        [this.#name],
      );
      for (const { sql } of rows) await client.query(sql);
    } finally {
      await client.end();
    }
  }

  /** Leaves no byte on it free. */
  fill(): void {
    try {
      writeFileSync(join(this.#folder, FILLER), Buffer.alloc(32 * 2 ** 20));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return;
      throw error;
    }
    throw new Error('Expected the disk to become full, got room for the whole file');
  }

  /** Gives back what {@link fill} took. */
  free(): void {
    rmSync(join(this.#folder, FILLER), { force: true });
  }

  /** Removes it, once its database is dropped. The mount ends even if the server still has the tablespace. */
  async unmount(): Promise<void> {
    try {
      await this.server.query(`drop tablespace if exists ${this.#name}`);
    } finally {
      unmount(this.#folder);
      await this.server.end();
    }
  }
}

/** The user and group of the server's data; null if the server runs elsewhere. */
async function ownerOf(server: pg.Client): Promise<{ uid: number; gid: number } | null> {
  const { rows } = await server.query<{ folder: string }>(
    `select current_setting('data_directory') as folder`,
  );
  try {
    return statSync(rows[0]?.folder ?? '');
  } catch {
    return null;
  }
}

/** A mounted tmpfs with a folder `data` of this owner; null if it cannot be mounted. */
function mountFor(owner: { uid: number; gid: number } | null): string | null {
  if (owner === null || process.getuid?.() !== 0) return null;
  const folder = mkdtempSync(join(tmpdir(), 'job-reaper-disk-'));
  const options = `size=${SIZE},mode=0755`;
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'none', folder], { stdio: 'ignore' });
  if (status !== 0) {
    rmdirSync(folder);
    return null;
  }
  mkdirSync(join(folder, 'data'));
  chownSync(join(folder, 'data'), owner.uid, owner.gid);
  return folder;
}

function unmount(folder: string): void {
  // Lazily, because a checkpoint may be at it.
  const { status, stderr } = spawnSync('umount', ['--lazy', folder], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`Expected to unmount ${folder}, got: ${stderr}`);
  rmdirSync(folder);
}
