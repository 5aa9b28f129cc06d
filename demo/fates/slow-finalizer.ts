import type { Fate } from './fate.js';

/** With one sweep per second, at least two of them saw it. */
const MIN_MS = 2_000;

/** A monitor that is slow after exit 0, but alive: within the grace, the reaper leaves the work to it. */
export const slowFinalizer: Fate = {
  id: 'slow-finalizer',
  name: 'a live monitor finalizes slowly',
  job: { agent: 'scribe' },
  async happen(scene) {
    await scene.exitRecorded();
    await scene.deed('exit 0 is recorded; its monitor is alive, but slow');
  },
  expected: [
    'not reaped',
    'done, attempt 1',
    'taken by the first launcher',
    'finalized by its own monitor',
    'it took two sweeps or more',
  ],
  look(scene) {
    const { exitedMs, finishedMs } = scene.job;
    const finalized = scene.stage.board.events.some(
      (event) => event.event === 'finalized' && event.jobId === scene.jobId,
    );
    const tookMs = exitedMs === null || finishedMs === null ? 0 : finishedMs - exitedMs;
    return [
      finalized ? 'finalized by its own monitor' : 'not finalized by its monitor',
      tookMs >= MIN_MS ? 'it took two sweeps or more' : `it took ${tookMs} ms`,
    ];
  },
};
