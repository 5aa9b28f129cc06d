import { fileURLToPath } from 'node:url';
import { runApart } from './deploy-check/apart.js';
import { ensureBaseImages } from './deploy-check/base-images.js';
import { findCompose } from './deploy-check/compose-program.js';
import { findEngine } from './deploy-check/engine.js';
import { missingPrograms } from './deploy-check/programs.js';
import { runTests } from './deploy-check/tests.js';

// npm run deploy:check -- [--quick | --prepare] [flags of vitest]: runs the files that deploy job-reaper, unchanged, as far as this machine can,
// and says in a line each what it cannot. --quick: only what every change has to pass. --prepare: only gets docker compose.

const FOLDER = 'test/deploy/real';
const log = (line: string) => console.log(line);

const OPTIONS = ['--quick', '--prepare'];
const [isQuick, isPreparing] = OPTIONS.map((option) => process.argv.includes(option));
const flags = process.argv.slice(2).filter((word) => !OPTIONS.includes(word));

const engine = await findEngine();
const files: string[] = [];
const leave = (what: string, why: string) => log(`Not checked: ${what}, because ${why}.`);

const hasPrometheus = (await missingPrograms(['prometheus', 'promtool'])).length === 0;
if (engine.kind === 'none')
  leave('the image, compose, the probes in containers and the systemd unit', engine.why);
else files.push(...(isQuick ? ['compose'] : ['image', 'compose', 'probes', 'systemd']));
if (!hasPrometheus) leave('alerts and dashboard in Prometheus', 'prometheus and promtool are not installed');
else if (!isQuick) files.push('alerts');

if (engine.kind !== 'none') process.env['DEPLOY_CHECK_COMPOSE'] = JSON.stringify(await findCompose(log));
if (files.length > 0 && !isPreparing) {
  if (isQuick) process.env['DEPLOY_CHECK_QUICK'] = 'true';
  const args = [...files.map((name) => `${FOLDER}/${name}.test.ts`), ...flags];
  if (engine.kind === 'own') {
    const inside = fileURLToPath(new URL('./deploy-check/inside.js', import.meta.url));
    process.exitCode = await runApart(process.execPath, [inside, ...args], process.env);
  } else {
    if (engine.kind === 'running') await ensureBaseImages(log);
    process.exitCode = await runTests(args);
  }
}
