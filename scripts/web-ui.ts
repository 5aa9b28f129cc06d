import { access, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext } from 'playwright-core';
import { Cleanup } from '../bench/support/cleanup.js';
import { packageRoot } from '../src/paths.js';
import { setScene } from './web-ui/scene.js';
import { WebUi } from './web-ui/web-ui.js';

// npm run web-ui: opens the Web UI in a real browser like an operator, checks what it shows, pauses and resumes with its dialog,
// and takes the pictures for docs/images. Not part of CI, where there is no browser.

const CHROMIUM = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';
/** Wide enough for all columns. */
const LIST_SIZE = { width: 1740, height: 620 };
const IMAGES = join(packageRoot, 'docs', 'images');

const cleanup = new Cleanup();
try {
  if (await isThere(CHROMIUM)) await check();
  else console.log(`Skipped: no browser at ${CHROMIUM}. Install chromium, or set CHROMIUM_PATH.`);
} finally {
  await cleanup.run();
}

async function check(): Promise<void> {
  await mkdir(IMAGES, { recursive: true });
  const scene = await setScene(cleanup);
  const ui = new WebUi(await (await openBrowser()).newPage(), scene.uiUrl, IMAGES);

  await ui.openList(`TaskQueue = 'job-reaper'`);
  for (const word of ['job-reaper/watch/4711', '4705', 'failed', 'builder-9']) await ui.expect(word);
  await ui.picture('list', LIST_SIZE);
  await ui.openList(`ReaperOutcome = 'failed'`);
  await ui.expect('job-reaper/watch/4705');

  await ui.openDetails(await scene.watchOf('4705'));
  for (const word of ['seen', 'dead in 2 looks in a row', 'fail, because pid ', 'job-reaper explain 4705']) {
    await ui.expect(word);
  }
  await ui.picture('watch');

  await ui.openDetails('job-reaper');
  for (const word of ['dead runs are reaped', 'its exit code is recorded', 'no probe on builder-9']) {
    await ui.expect(word);
  }
  await ui.picture('reaper');

  await ui.sendSignal('pause', '{"by": "ada", "reason": "looking at builder-1"}', 'pause');
  await scene.until('the pause in Postgres', `select from reaper.control where paused and paused_by = 'ada'`);
  await ui.openDetails('job-reaper');
  await ui.expect('paused by ada: looking at builder-1. Nothing is claimed.');
  await ui.picture('paused');

  const victim = await scene.startJob('4720', 'developer');
  await victim.kill();
  await scene.sweeps(5);
  await scene.until(
    'job 4720 left alone',
    `select from public.jobs where id = '4720' and status = 'running'`,
  );
  await ui.sendSignal('resume');
  await scene.until(
    'job 4720 reaped',
    `select from reaper.ledger where job_id = '4720' and outcome = 'queued'`,
  );
  console.log(
    'The Web UI shows what it should. A pause with its dialog stopped the reaping, and a resume continued it.',
  );
}

async function openBrowser(): Promise<BrowserContext> {
  const profile = await mkdtemp(join(tmpdir(), 'job-reaper-browser-'));
  cleanup.add(() => rm(profile, { recursive: true, force: true }));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    headless: true,
    viewport: { width: 1280, height: 860 },
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  cleanup.add(() => context.close());
  return context;
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
