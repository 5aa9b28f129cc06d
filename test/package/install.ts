import { copyFile, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
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

/** The SDK's own declarations import types that it does not install, and are not written for exactOptionalPropertyTypes. */
const OF_THE_SDK = 'node_modules/@temporalio/';

/** Copies the examples into the project, and a file that uses every door of the package. */
export async function writeSources({ folder }: Project): Promise<void> {
  const examples = join(packageRoot, 'examples');
  for (const file of await readdir(examples)) await copyFile(join(examples, file), join(folder, file));
  await writeFile(join(folder, 'every-door.ts'), useOf(await doors()));
}

/** Compiles the project as the strictest consumer would. Throws with the errors that are not the SDK's. */
export async function compile({ folder }: Project): Promise<void> {
  const options = {
    compilerOptions: {
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      target: 'ES2022',
      module: 'NodeNext',
      types: ['node'],
    },
    include: ['*.ts'],
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(options));
  const tsc = join(packageRoot, 'node_modules', 'typescript', 'bin', 'tsc');
  const args = [tsc, '--pretty', 'false', '-p', folder];
  const { stdout } = await execa(process.execPath, args, { cwd: folder, reject: false });
  // What continues an error is indented.
  const errors = stdout.split(/\n(?! )/).filter((error) => error !== '' && !error.startsWith(OF_THE_SDK));
  if (errors.length > 0) throw new Error(`Expected the package to compile, got\n${errors.join('\n')}`);
}

/** What `exports` of package.json lets a program import: `job-reaper`, `job-reaper/workflows`, ... */
async function doors(): Promise<string[]> {
  const json = await readFile(join(packageRoot, 'package.json'), 'utf8');
  const { name, exports } = JSON.parse(json) as { name: string; exports: Record<string, unknown> };
  return Object.keys(exports).map((path) => posix.join(name, path));
}

/** A module that imports all of each door, and does not compile if a type of it got lost. */
function useOf(names: readonly string[]): string {
  const uses = names.map(
    (name, at) => `import * as door${at} from '${name}';
export const typed${at}: [Untyped<typeof door${at}>] extends [never] ? true : Untyped<typeof door${at}> = true;
`,
  );
  return `type Untyped<T> = { [K in keyof T]: 0 extends 1 & T[K] ? K : never }[keyof T];\n${uses.join('')}`;
}
