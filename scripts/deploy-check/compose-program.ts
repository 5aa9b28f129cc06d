import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { cacheFolder } from './cache.js';
import { timeLeftMs } from './deadline.js';
import { findMirror } from './debian.js';
import { hasComposePlugin } from './engine.js';

/** The first Debian that has docker compose v2. Its program also runs on the one before. */
const SUITE = 'trixie';
const PLUGIN = 'usr/libexec/docker/cli-plugins/docker-compose';

/**
 * The words that start docker compose: docker's own plugin, else Debian's, which is unpacked once and not installed.
 *
 * @throws when there is neither
 */
export async function findCompose(log: (line: string) => void): Promise<string[]> {
  if (await hasComposePlugin()) return ['docker', 'compose'];
  const program = join(await cacheFolder(), `docker-compose-${SUITE}`);
  if (existsSync(program)) return [program];
  log(`unpacking docker compose of Debian ${SUITE}`);
  const folder = await mkdtemp(join(tmpdir(), 'job-reaper-compose-'));
  try {
    await download('docker-compose', folder);
    await cp(join(folder, 'unpacked', PLUGIN), `${program}.new`);
    await rename(`${program}.new`, program);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return [program];
}

/** Unpacks one package of that suite into a folder. Nothing that apt knows of this machine changes. */
async function download(name: string, folder: string): Promise<void> {
  const sources = join(folder, 'sources.list');
  for (const part of ['lists', 'cache/archives'])
    await mkdir(join(folder, part, 'partial'), { recursive: true });
  await writeFile(sources, `deb [signed-by=${KEYRING}] ${await findMirror()} ${SUITE} main\n`);
  const options = [
    `Dir::Etc::sourcelist=${sources}`,
    'Dir::Etc::sourceparts=-',
    `Dir::State::lists=${folder}/lists`,
    `Dir::Cache=${folder}/cache`,
    'APT::Sandbox::User=root',
    'Acquire::Languages=none',
    // Descriptions for software centers are half of the download.
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false',
  ].flatMap((option) => ['-o', option]);
  const settings = { cwd: folder, timeout: Math.max(1, Math.min(LIMIT_MS, timeLeftMs())) };
  await execa('apt-get', [...options, 'update'], settings);
  await execa('apt-get', [...options, 'download', name], settings);
  const [file = ''] = (await readdir(folder)).filter((each) => each.endsWith('.deb'));
  await execa('dpkg-deb', ['-x', file, 'unpacked'], settings);
}

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const LIMIT_MS = 120_000;
