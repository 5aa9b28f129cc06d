import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../../../servers/index.js';
import { eventually } from '../../../support/wait.js';

/** A real Prometheus that scrapes and evaluates every second. */
export interface Prometheus {
  /** The names of the alerts that fire now. */
  firing(): Promise<string[]>;
  /** How many series an instant query returns. */
  count(expression: string): Promise<number>;
  stop(): Promise<void>;
}

interface Answer<T> {
  status: string;
  error?: string;
  data: T;
}

/**
 * Starts Prometheus.
 *
 * @param targets the workers to scrape: address and port
 * @param rules the text of the file with the alerts
 */
export async function startPrometheus(targets: string[], rules: string): Promise<Prometheus> {
  const folder = await mkdtemp(join(tmpdir(), 'job-reaper-prometheus-'));
  const port = await freePort();
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: [join(folder, 'alerts.yml')],
    scrape_configs: [{ job_name: 'job-reaper', static_configs: [{ targets }] }],
  };
  await writeFile(join(folder, 'alerts.yml'), rules);
  // JSON is YAML, too.
  await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(config));
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const exited = once(child, 'exit');
  const stop = async () => {
    child.kill('SIGKILL');
    await exited;
    await rm(folder, { recursive: true, force: true });
  };
  const ask = async <T>(path: string): Promise<T> => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`);
    const { status, error, data } = (await response.json()) as Answer<T>;
    if (status !== 'success') throw new Error(`Expected Prometheus to answer, got ${error ?? status}`);
    return data;
  };
  try {
    await eventually('Prometheus is ready', async () => {
      if (child.exitCode !== null) throw new Error(log);
      return (await fetch(`http://127.0.0.1:${port}/-/ready`)).ok;
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    stop,
    async firing() {
      const { alerts } = await ask<{ alerts: { state: string; labels: { alertname: string } }[] }>('alerts');
      return [
        ...new Set(alerts.flatMap(({ state, labels }) => (state === 'firing' ? labels.alertname : []))),
      ];
    },
    async count(expression) {
      const path = `query?${new URLSearchParams({ query: expression }).toString()}`;
      return (await ask<{ result: unknown[] }>(path)).result.length;
    },
  };
}
