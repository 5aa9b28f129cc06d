import { readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { normalizeTicks, readBootOffset } from './boot-time.js';
import { formatToken } from './token.js';

const PROC = '/proc';

/**
 * The token of this process or of another one.
 *
 * @param pid `self` is right even where `/proc` shows another pid namespace than this process's own
 * @throws if the platform does not say who that process is
 */
export function readToken(pid: number | 'self'): string {
  if (pid !== 'self' && readlinkSync(join(PROC, 'self')) !== String(process.pid)) {
    throw new Error(`${PROC} shows another pid namespace than this process's own`);
  }
  const folder = join(PROC, String(pid));
  const link = readlinkSync(join(folder, 'ns/pid'));
  const status = readFileSync(join(folder, 'status'), 'latin1');
  const stat = readFileSync(join(folder, 'stat'), 'latin1');
  // The command name may contain spaces and parentheses: count fields only after the LAST parenthesis.
  const ticks = stat.slice(stat.lastIndexOf(')') + 1).split(/\s+/)[20] ?? '';
  const token = formatToken({
    bootId: readFileSync(join(PROC, 'sys/kernel/random/boot_id'), 'utf8').trim(),
    pidNamespace: /^pid:\[(\d+)\]$/.exec(link)?.[1] ?? '',
    // Its pid in every namespace from that of /proc down to its own.
    pid: Number(/^NSpid:.*?(\d+)\s*$/m.exec(status)?.[1]),
    start: normalizeTicks(ticks, readBootOffset(PROC)) ?? '',
  });
  if (token === null) throw new Error(`${folder} does not identify the process`);
  return token;
}
