import { copyFile, mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { packageRoot } from '../../src/paths.js';

/** npm's errors without a network, if its cache lacks something. */
const NO_NETWORK = /ENOTCACHED|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH/;

/** A project with only the packed package. */
export interface Project {
  folder: string;
  /** Names of the files in the tarball. */
  packed: string[];
}

/** Packs the built package and installs it in an empty project; null if npm has neither a network nor a cache. */
export async function installPacked(): Promise<Project | null> {
  const folder = await mkdtemp(join(tmpdir(), 'job-reaper-pack-'));
  const pack = await execa('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
    cwd: packageRoot,
  });
  const json = JSON.parse(pack.stdout) as unknown;
  const [tarball] = (Array.isArray(json) ? json : Object.values(json as object)) as {
    filename: string;
    files: { path: string }[];
  }[];
  if (tarball === undefined) throw new Error('Expected npm pack to tell of one tarball, got none');
  await writeFile(join(folder, 'package.json'), '{ "name": "empty", "private": true, "type": "module" }\n');
  const installed = await execa(
    'npm',
    [
      'install',
      '--prefer-offline',
      '--no-audit',
      '--no-fund',
      '--ignore-scripts',
      join(folder, tarball.filename),
    ],
    { cwd: folder, reject: false },
  );
  if (installed.failed) {
    if (NO_NETWORK.test(installed.stderr)) return null;
    throw new Error(`Expected the tarball to be installed, got ${installed.stderr}`);
  }
  return { folder, packed: tarball.files.map(({ path }) => path) };
}

/** Compiles the examples in the project, as strict TypeScript against the packed types. Throws with the errors. */
export async function compileExamples({ folder }: Project): Promise<void> {
  const examples = join(packageRoot, 'examples');
  for (const file of await readdir(examples)) await copyFile(join(examples, file), join(folder, file));
  const options = {
    compilerOptions: {
      strict: true,
      target: 'ES2022',
      module: 'NodeNext',
      // The Temporal SDK's declarations need types that it does not include.
      skipLibCheck: true,
      types: ['node'],
      typeRoots: [join(packageRoot, 'node_modules', '@types')],
    },
    include: ['*.ts'],
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(options));
  const tsc = join(packageRoot, 'node_modules', 'typescript', 'bin', 'tsc');
  const { failed, stdout } = await execa(process.execPath, [tsc, '-p', folder], { reject: false });
  if (failed) throw new Error(`Expected the examples to compile, got\n${stdout}`);
}
