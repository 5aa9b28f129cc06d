import { existsSync } from 'node:fs';
import { chmod, cp, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { cacheFolder } from './cache.js';
import { hasComposePlugin } from './engine.js';

const MODULE = 'github.com/docker/compose/v2';
const VERSION = 'v2.40.3';

/**
 * The words that start docker compose: docker's own plugin, else one that is built from its Go module, once.
 *
 * @throws when it cannot be built
 */
export async function findCompose(log: (line: string) => void): Promise<string[]> {
  if (await hasComposePlugin()) return ['docker', 'compose'];
  const program = join(await cacheFolder(), `docker-compose-${VERSION}`);
  if (existsSync(program)) return [program];
  log(`building docker compose ${VERSION} from its Go module, which takes minutes`);
  const { stdout } = await execa('go', ['mod', 'download', '-json', `${MODULE}@${VERSION}`], {
    // It needs no module around it.
    cwd: tmpdir(),
  });
  const { Dir: source } = JSON.parse(stdout) as { Dir: string };
  const folder = await mkdtemp(join(tmpdir(), 'job-reaper-compose-'));
  try {
    // Its go.mod has lines that "go install" refuses, and the module cache is read-only.
    const copy = join(folder, 'source');
    await cp(source, copy, { recursive: true });
    await execa('chmod', ['-R', 'u+w', copy]);
    await execa('go', ['build', '-o', 'docker-compose', './cmd'], { cwd: copy });
    await chmod(join(copy, 'docker-compose'), 0o755);
    await cp(join(copy, 'docker-compose'), `${program}.new`);
    await rename(`${program}.new`, program);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return [program];
}
