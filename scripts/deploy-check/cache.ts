import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { userFolder } from '../../src/user-folder.js';

/** A folder for what is made once and kept: images, docker compose. */
export async function cacheFolder(...names: string[]): Promise<string> {
  const folder = join(await userFolder('cache'), 'deploy-check', ...names);
  await mkdir(folder, { recursive: true });
  return folder;
}
