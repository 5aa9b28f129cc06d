import { pino } from 'pino';
import { fitWidth } from './fit-width.js';

/** Structured fields of a log line. */
export type LogFields = Record<string, unknown>;

/** Where the worker's log lines go: one sentence for a person, fields for a machine. */
export interface Logger {
  info(line: string, fields?: LogFields): void;
  warn(line: string, fields?: LogFields): void;
  error(line: string, fields?: LogFields): void;
}

/** As long as what stands before a line on a terminal. */
const PREFIX = '[00:00:00.000] ERROR: ';
/** Columns, like the fields below a line. */
const HANG = 4;

/** Logs to standard output: readable lines on a terminal, else one JSON object per line. */
export function createLogger(): Logger {
  const { isTTY } = process.stdout;
  const logger = isTTY
    ? pino({ base: null, transport: { target: 'pino-pretty', options: { ignore: 'pid,hostname' } } })
    : pino({
        base: null,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      });
  return {
    info: (line, fields) => logger.info(fields ?? {}, fit(line)),
    warn: (line, fields) => logger.warn(fields ?? {}, fit(line)),
    error: (line, fields) => logger.error(fields ?? {}, fit(line)),
  };

  function fit(line: string): string {
    return isTTY ? fitWidth(PREFIX + line, process.stdout.columns, HANG).slice(PREFIX.length) : line;
  }
}
