import { constants, type BigIntStats } from 'node:fs';
import { link, lstat, open, readdir, rename, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { MAX_CONTENT_BYTES, parseLease, type LeaseContent } from './content.js';
import { folderError } from './lease-error.js';
import type { LeaseNameKind, LeaseNames } from './names.js';

/** What a name refers to. */
export type LeaseFile =
  | { kind: 'absent' }
  /** A symbolic link, directory, pipe or socket: neither followed nor opened. */
  | { kind: 'foreign'; what: string }
  | { kind: 'file'; id: string; writtenAt: Date; content: LeaseContent };

// Never follow a link, and never wait for the other end of a pipe.
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * The lease folder, with one system call per method, so that a test can step in between any two of them. A missing name is
 * a result; any other failure is thrown.
 */
export class LeaseFolder {
  /** @param path the folder that all launchers and the reaper share */
  constructor(readonly path: string) {}

  /** The repo's files. A file that keeps its name while the folder is being read is always among them. */
  async list(names: LeaseNames): Promise<{ name: string; kind: LeaseNameKind }[]> {
    const entries = await this.call('readdir', readdir(this.path));
    return entries.flatMap((name) => {
      const kind = names.kindOf(name);
      return kind === null ? [] : [{ name, kind }];
    });
  }

  /** Writes a new file, which is on disk when this returns. While the handle is open, no other file gets its id. */
  async create(name: string, text: string): Promise<FileHandle> {
    const file = await this.call('open', open(join(this.path, name), 'wx', 0o644));
    try {
      await this.call('write', file.writeFile(text));
      await this.call('fsync', file.sync());
      return file;
    } catch (error) {
      await file.close();
      await this.unlink(name);
      throw error;
    }
  }

  /** A handle on a regular file, or null if there is none under this name. */
  async open(name: string): Promise<FileHandle | null> {
    const seen = await this.stat(name);
    if (seen?.isFile() !== true) return null;
    const file = await this.codeOr('open', open(join(this.path, name), READ), 'ENOENT', 'ELOOP', 'ENXIO');
    if (typeof file === 'string') return null;
    if ((await file.stat()).isFile()) return file;
    await file.close();
    return null;
  }

  /** The id of the file under a name: the same for all names of a file. Null if there is none. */
  async idOf(name: string): Promise<string | null> {
    const seen = await this.stat(name);
    return seen === null ? null : idOf(seen);
  }

  /** Reads the file under a name, up to the maximum length of a lease. */
  async read(name: string): Promise<LeaseFile> {
    const file = await this.open(name);
    if (file === null) {
      const seen = await this.stat(name);
      // If it is a regular file, it appeared after the attempt to open it.
      return seen === null || seen.isFile() ? { kind: 'absent' } : { kind: 'foreign', what: kindOf(seen) };
    }
    try {
      const buffer = Buffer.alloc(MAX_CONTENT_BYTES + 1);
      let length = 0;
      for (let read = -1; read !== 0 && length < buffer.length; length += read) {
        ({ bytesRead: read } = await file.read(buffer, length, buffer.length - length, length));
      }
      const seen = await file.stat({ bigint: true });
      const content: LeaseContent =
        length > MAX_CONTENT_BYTES
          ? { kind: 'unreadable', why: `expected at most ${MAX_CONTENT_BYTES} bytes` }
          : parseLease(buffer.toString('utf8', 0, length));
      return { kind: 'file', id: idOf(seen), writtenAt: seen.mtime, content };
    } finally {
      await file.close();
    }
  }

  /** Gives a file a second name. `exists` if that name is taken, `absent` if the file is gone. */
  async link(from: string, to: string): Promise<'linked' | 'exists' | 'absent'> {
    const linking = link(join(this.path, from), join(this.path, to));
    const code = await this.codeOr('link', linking, 'EEXIST', 'ENOENT');
    if (code === undefined) return 'linked';
    return code === 'EEXIST' ? 'exists' : 'absent';
  }

  /** Renames to a name that nobody else uses. False if there was nothing under the old name. */
  async rename(from: string, to: string): Promise<boolean> {
    const renaming = rename(join(this.path, from), join(this.path, to));
    return (await this.codeOr('rename', renaming, 'ENOENT')) === undefined;
  }

  /** False if there was nothing under the name. */
  async unlink(name: string): Promise<boolean> {
    return (await this.codeOr('unlink', unlink(join(this.path, name)), 'ENOENT')) === undefined;
  }

  private async stat(name: string): Promise<BigIntStats | null> {
    const seen = await this.codeOr('lstat', lstat(join(this.path, name), { bigint: true }), 'ENOENT');
    return typeof seen === 'string' ? null : seen;
  }

  /** What a call returns, or the error code if it is an expected one. */
  private async codeOr<T>(name: string, call: Promise<T>, ...expected: string[]): Promise<T | string> {
    try {
      return await call;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== undefined && expected.includes(code)) return code;
      throw folderError(this.path, name, error);
    }
  }

  private call<T>(name: string, call: Promise<T>): Promise<T> {
    return call.catch((error: unknown) => {
      throw folderError(this.path, name, error);
    });
  }
}

/** The id of the file behind a handle, in the form of {@link LeaseFolder.idOf}. */
export function idOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

function kindOf(seen: BigIntStats): string {
  if (seen.isSymbolicLink()) return 'a symbolic link';
  if (seen.isDirectory()) return 'a directory';
  if (seen.isFIFO()) return 'a pipe';
  if (seen.isSocket()) return 'a socket';
  return 'a device';
}
