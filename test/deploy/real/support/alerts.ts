import { expect } from 'vitest';
import { eventually } from '../../../support/wait.js';
import { read } from '../../support.js';
import type { Prometheus } from './prometheus.js';

const PATIENCE_MS = 300_000;

/**
 * deploy/prometheus/alerts.yml with the same expressions, but seconds where it says how long: for how long something has to be wrong,
 * over which time it is counted, and when a notification is overdue. promtool tests the real times.
 */
export async function impatientAlerts(): Promise<string> {
  const text = await read('deploy/prometheus/alerts.yml');
  const replaced = text
    .replaceAll(/\bfor: \d+[mh]$/gm, 'for: 2s')
    .replaceAll(/\[1[05]m\]/g, '[45s]')
    .replaceAll('owed_seconds) > 900', 'owed_seconds) > 2');
  expect(replaced).not.toMatch(/\d+[mh]\b(?= *[\]\n])|> 900/);
  return replaced;
}

/**
 * Waits until an alert fires.
 *
 * @param without another one, which does not fire at that time. It may have fired before: on a busy machine, a scrape or two fail.
 */
export function untilFiring(prometheus: Prometheus, alert: string, without?: string): Promise<unknown> {
  const fires = async () => {
    const firing = await prometheus.firing();
    return firing.includes(alert) && !firing.some((name) => name === without);
  };
  return eventually(
    `${alert} fires${without === undefined ? '' : ` without ${without}`}`,
    fires,
    PATIENCE_MS,
  );
}

/** Waits until an alert fires no more. */
export function untilResolved(prometheus: Prometheus, alert: string): Promise<unknown> {
  const isResolved = async () => !(await prometheus.firing()).includes(alert);
  return eventually(`${alert} is resolved`, isResolved, PATIENCE_MS);
}
