import { readFileSync } from 'node:fs';
import type { LauncherEvent } from '../launcher/report.js';

/** What a launcher and its monitors have reported so far. */
export function readLauncherLog(logFile: string): LauncherEvent[] {
  const lines = readFileSync(logFile, 'utf8').split('\n');
  // The last line is empty, or still being written.
  return lines.slice(0, -1).flatMap((line) => {
    try {
      return [JSON.parse(line) as LauncherEvent];
    } catch {
      return []; // a warning from Node
    }
  });
}
