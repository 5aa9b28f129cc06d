import { pino } from 'pino';

/** Structured fields of a log line. */
export type LogFields = Record<string, unknown>;

/** Where the worker's log lines go: one sentence for a person, fields for a machine. */
export interface Logger {
  info(line: string, fields?: LogFields): void;
  warn(line: string, fields?: LogFields): void;
  error(line: string, fields?: LogFields): void;
}

/** Logs to standard output: readable lines on a terminal, else one JSON object per line. */
export function createLogger(): Logger {
  const logger = process.stdout.isTTY
    ? pino({ base: null, transport: { target: 'pino-pretty', options: { ignore: 'pid,hostname' } } })
    : pino({
        base: null,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      });
  return {
    info: (line, fields) => logger.info(fields ?? {}, line),
    warn: (line, fields) => logger.warn(fields ?? {}, line),
    error: (line, fields) => logger.error(fields ?? {}, line),
  };
}
