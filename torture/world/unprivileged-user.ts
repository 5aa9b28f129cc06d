import { execa } from 'execa';
import { postgresUser, type ServerUser } from '../../servers/postgres-files.js';

/**
 * A user that may not signal our processes, for a probe that must tell "not allowed" from "not there". Undefined where we
 * are not root, or that user cannot reach the program.
 */
export async function unprivilegedUser(script: string): Promise<ServerUser | undefined> {
  const user = await postgresUser();
  if (user === undefined) return undefined;
  const trial = await execa(process.execPath, [script, '--version'], { reject: false, ...user });
  return trial.failed ? undefined : user;
}
