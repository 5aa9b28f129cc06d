import { fileURLToPath } from 'node:url';
import { runApart } from './deploy-check/apart.js';
import { ensureBaseImages } from './deploy-check/base-images.js';
import { findCompose } from './deploy-check/compose-program.js';
import { setDeadline, untilDeadline } from './deploy-check/deadline.js';
import { findEngine, type Engine } from './deploy-check/engine.js';
import { buildKubernetes, missingForKubernetes } from './deploy-check/kubernetes-programs.js';
import { missingPrograms } from './deploy-check/programs.js';
import { runTests } from './deploy-check/tests.js';

// npm run deploy:check -- [--quick | --kubernetes] [--minutes=<n>] [flags of vitest]: runs the files that deploy job-reaper, unchanged, as far as this machine
// can, and says in a line each what it cannot. --quick: only what every change has to pass. --kubernetes: only that. --minutes: what has not been run by then is skipped.

const FOLDER = 'test/deploy/real';
const log = (line: string) => console.log(line);

const words = process.argv.slice(2);
const isQuick = words.includes('--quick');
const minutes = words.find((word) => word.startsWith('--minutes='))?.split('=')[1];
const isKubernetes = words.includes('--kubernetes');
const flags = words.filter(
  (word) => !['--quick', '--kubernetes'].includes(word) && !word.startsWith('--minutes='),
);
if (minutes !== undefined) setDeadline(Number(minutes));
// Compose and Kubernetes bring their own servers.
if (isQuick || isKubernetes) process.env['DEPLOY_CHECK_QUICK'] = 'true';

const engine = await findEngineWithCompose();
const files: string[] = [];
const leave = (what: string, why: string) => log(`Not checked: ${what}, because ${why}.`);

const hasPrometheus = (await missingPrograms(['prometheus', 'promtool'])).length === 0;
if (engine.kind === 'none')
  leave('the image, compose, the probes in containers and the systemd unit', engine.why);
else files.push(...(isQuick ? ['compose'] : ['image', 'compose', 'probes', 'systemd']));
if (!hasPrometheus) leave('alerts and dashboard in Prometheus', 'prometheus and promtool are not installed');
else if (!isQuick) files.push('alerts');

if (!isKubernetes && files.length > 0) process.exitCode = await run(files);

if (isKubernetes || !isQuick) {
  const missing = await missingForKubernetes();
  if (engine.kind !== 'own') leave('Kubernetes', 'it takes a Docker daemon of our own, which root can start');
  else if (missing.length > 0) leave('Kubernetes', `these packages are missing: ${missing.join(', ')}`);
  else {
    process.env['DEPLOY_CHECK_KUBERNETES'] = await buildKubernetes(log);
    // The node is in the machine's own pid namespace, as probes with hostPID have to be.
    process.exitCode = (await run(['kubernetes'], true)) || process.exitCode;
  }
}

async function run(names: string[], machinesPids = false): Promise<number> {
  const args = [...names.map((name) => `${FOLDER}/${name}.test.ts`), ...flags];
  if (engine.kind === 'own') {
    const inside = fileURLToPath(new URL('./deploy-check/inside.js', import.meta.url));
    return runApart(process.execPath, [inside, ...args], process.env, machinesPids);
  }
  if (engine.kind === 'running') await Promise.race([ensureBaseImages(log), untilDeadline()]);
  return runTests(args);
}

/** An engine is of use only with docker compose. */
async function findEngineWithCompose(): Promise<Engine> {
  const found = await findEngine();
  if (found.kind === 'none') return found;
  try {
    process.env['DEPLOY_CHECK_COMPOSE'] = JSON.stringify(await findCompose(log));
    return found;
  } catch (error) {
    const lines = (error as Error).message.trimEnd().split('\n');
    return { kind: 'none', why: `there is no docker compose: ${lines.at(-1)}` };
  }
}
