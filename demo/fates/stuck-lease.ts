import type { Fate } from './fate.js';

/** A monitor that merges holds its repo's lease. When it is killed, it leaves a file behind that would block every later merge. */
export const stuckLease: Fate = {
  id: 'stuck-lease',
  name: 'the monitor is killed while it merges, under a lease',
  job: { agent: 'scribe', repo: 'shop' },
  async happen(scene) {
    await scene.until(() =>
      scene.stage.board.events.some(
        (event) => event.event === 'lease acquired' && event.jobId === scene.jobId,
      ),
    );
    await scene.killMonitor();
  },
  expected: [
    'reaped: done, exit0, already advanced',
    'done, attempt 1',
    'taken by the first launcher',
    'its lease was reclaimed once: holder dead',
  ],
  look(scene) {
    const reasons = scene.stage.board.snapshot.leaseReclaims.map(({ reason }) => reason.split(':')[0]);
    return [
      reasons.length === 0
        ? 'its lease still blocks the repo'
        : `its lease was reclaimed once: ${reasons.join(', ')}`,
    ];
  },
};
