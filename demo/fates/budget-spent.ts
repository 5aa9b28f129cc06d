import type { Fate } from './fate.js';

/** The agent failed in its last attempt, and the monitor died before it could write that. */
export const budgetSpent: Fate = {
  id: 'budget-spent',
  name: 'the monitor is killed after exit 1 of the last attempt',
  job: { agent: 'tester', maxAttempts: 1 },
  async happen(scene) {
    await scene.exitRecorded();
    await scene.killMonitor();
  },
  expected: [
    'reaped: failed, exit=1',
    'failed, attempt 1',
    'taken by the first launcher',
    'Telegram: 🚨 reaper: job budget-spent (tester, repo demo) reaped as FAILED: exit=1',
  ],
  look(scene) {
    const messages = scene.stage.board.messages.filter((message) => message.includes(`job ${scene.jobId} `));
    return messages.map((message) => `Telegram: ${message}`);
  },
};
