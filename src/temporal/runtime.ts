import { IllegalStateError } from '@temporalio/common';
import { Runtime, type LogMetadata, type RuntimeOptions } from '@temporalio/worker';
import type { Logger } from '../log.js';

type Level = 'TRACE' | 'DEBUG' | 'INFO' | 'WARN' | 'ERROR';

/**
 * Installs the SDK's runtime with our log. It passes on the lines of our workflows, and of the SDK's own only errors: the SDK logs
 * each attempt, we log each change of state. Once per process, right before the first connection.
 *
 * A runtime that is already installed, such as by a program that uses us as a library, is kept.
 *
 * @param metricsPort the port for the SDK's own metrics, at `/metrics` of 127.0.0.1; null for none
 * @returns false if one was already installed
 * @throws if the port is taken; then try another
 */
export function installRuntime(log: Logger, metricsPort: number | null = null): boolean {
  const write = (level: Level, line: string, meta: LogMetadata = {}) => {
    // The time in nanoseconds is a bigint, which JSON cannot represent.
    const { sdkComponent, ...fields } = meta as Record<string, unknown>;
    delete fields['timestampNanos'];
    const isOurs = sdkComponent === 'workflow' && (level === 'INFO' || level === 'WARN');
    if (!isOurs && level !== 'ERROR') return;
    if (level === 'INFO') log.info(line, fields);
    else if (level === 'WARN') log.warn(line, fields);
    else log.error(line, fields);
  };
  const metrics: NonNullable<RuntimeOptions['telemetryOptions']>['metrics'] = {
    prometheus: {
      bindAddress: `127.0.0.1:${metricsPort ?? 0}`,
      countersTotalSuffix: true,
      unitSuffix: true,
      useSecondsForDurations: true,
    },
  };
  try {
    Runtime.install({
      logger: {
        log: write,
        trace: (line, meta) => write('TRACE', line, meta),
        debug: (line, meta) => write('DEBUG', line, meta),
        info: (line, meta) => write('INFO', line, meta),
        warn: (line, meta) => write('WARN', line, meta),
        error: (line, meta) => write('ERROR', line, meta),
      },
      telemetryOptions: {
        logging: { forward: {}, filter: { core: 'ERROR', other: 'ERROR' } },
        ...(metricsPort !== null && { metrics }),
      },
      shutdownSignals: [],
    });
    return true;
  } catch (error) {
    if (error instanceof IllegalStateError) return false;
    throw error;
  }
}
