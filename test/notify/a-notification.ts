import type { Notification } from '../../src/domain/notification.js';

/** A notification of a failed job; a test overrides only what it is about. */
export function aNotification(given: Partial<Notification> = {}): Notification {
  return {
    id: 1,
    key: 'failed/42/2-1795486344339564',
    kind: 'failed',
    jobId: '42',
    runKey: '2-1795486344339564',
    host: 'builder-3',
    agent: 'tester',
    repo: 'web',
    outcome: 'failed',
    reason: 'dead pid=4711',
    evidence: { liveness: { state: 'dead' } },
    text: '🚨 reaper: job 42 (tester, repo web) reaped as FAILED: dead pid=4711',
    ...given,
  };
}
