import { inject, type TestContext } from 'vitest';
import { freePort } from '../../../../servers/index.js';
import type { Proxy } from '../../../support/proxy.js';
import { World } from '../../../support/world.js';
import type { WorkerProcess } from '../../../support/worker-process.js';
import { impatientAlerts } from './alerts.js';
import { startPrometheus, type Prometheus } from './prometheus.js';

/** Workers on real servers, and a Prometheus of their own that scrapes them. */
export class Bench {
  private constructor(
    readonly world: World,
    readonly prometheus: Prometheus,
    /** The way to Temporal. */
    readonly temporal: Proxy,
    private readonly ports: readonly [number, number],
  ) {}

  static async of(test: Pick<TestContext, 'onTestFinished'>): Promise<Bench> {
    const world = await World.of(test);
    const ports = [await freePort(), await freePort()] as const;
    const prometheus = await startPrometheus(
      ports.map((port) => `127.0.0.1:${port}`),
      await impatientAlerts(),
    );
    test.onTestFinished(() => prometheus.stop());
    return new Bench(world, prometheus, await world.startProxy(inject('temporalAddress')), ports);
  }

  /** A worker that does everything for host-1. */
  worker(env: Record<string, string> = {}): WorkerProcess {
    return this.#start(this.ports[0], { REAPER_INTERVAL_S: '1', ...env });
  }

  /** A worker that only probes, for host-2. */
  probe(env: Record<string, string> = {}): WorkerProcess {
    const { probeUrl } = this.world.db;
    return this.#start(this.ports[1], {
      PARTS: 'probe',
      DATABASE_URL: probeUrl,
      REAPER_HOST: 'host-2',
      ...env,
    });
  }

  #start(port: number, env: Record<string, string>): WorkerProcess {
    const address = `127.0.0.1:${this.temporal.port}`;
    return this.world.startWorker({ REAPER_ADMIN_ADDR: String(port), TEMPORAL_ADDRESS: address, ...env });
  }
}
