import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readlinkSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { processIdentity } from '../../src/liveness/index.js';
import { readToken } from '../../src/liveness/read-token.js';
import { formatToken, parseToken } from '../../src/liveness/token.js';
import { processToken } from '../../src/stamp.js';
import { TOKEN_VECTOR } from '../support/token.js';
import { isLinux, PID_NOBODY_HAS, startSleep, works } from './processes.js';

const { parts, token } = TOKEN_VECTOR;

it('writes and reads the vector that all recipes write', () => {
  expect(formatToken(parts)).toBe(token);
  const { pidNamespace, pid, start } = parts;
  expect(parseToken(token)).toEqual({ bootHash: '8ea7966386f46e86', pidNamespace, pid, start });
  expect(readFileSync('docs/tokens.md', 'utf8')).toContain(token);
});

it('reads back whatever it wrote', () => {
  const u32 = fc.integer({ min: 1, max: 0xffff_ffff });
  const start = fc.integer({ min: 0, max: 1e12 });
  fc.assert(
    fc.property(fc.uuid(), u32, u32, start, (bootId, namespace, pid, ticks) => {
      const given = { bootId, pidNamespace: String(namespace), pid, start: String(ticks) };
      const written = formatToken(given) ?? '';
      expect(written).toMatch(/^jr1\.[\w-]{32}$/);
      expect(parseToken(written)).toMatchObject({
        pidNamespace: String(namespace),
        pid,
        start: String(ticks),
      });
    }),
  );
});

it('is no token once a character is changed, cut, added, or put in another case', () => {
  const wrong = Array.from(token).map(
    (char, at) => token.slice(0, at) + (char === 'A' ? 'B' : 'A') + token.slice(at + 1),
  );
  for (const text of [...wrong, token.slice(0, -1), `${token}A`, token.toLowerCase(), '', `x${token}`])
    expect([text, parseToken(text)]).toEqual([text, null]);
});

it.each([
  ['a boot id', { bootId: parts.bootId.toUpperCase() }],
  ['a pid namespace', { pidNamespace: '4294967296' }],
  ['a pid', { pid: 0 }],
  ['a pid', { pid: NaN }],
  ['a start', { start: '' }],
  ['a start', { start: '1000000000001' }],
])('is not written for %s that no process has', (_, change) => {
  expect(formatToken({ ...parts, ...change })).toBeNull();
});

describe.skipIf(!isLinux)('of a process (needs /proc)', () => {
  it('says what its stamp says', () => {
    const { pid } = startSleep();
    const [, , , namespace, start] = (processIdentity(pid) ?? '').split(':');
    expect(parseToken(readToken(pid))).toMatchObject({ pid, pidNamespace: namespace, start });
  });

  it('is that of this process, for this process', () => {
    expect(processToken()).toBe(readToken(process.pid));
    expect(parseToken(processToken() ?? '')).toMatchObject({ pid: process.pid });
  });

  it('does not exist for a process that does not', () => {
    expect(() => readToken(PID_NOBODY_HAS)).toThrow('ENOENT');
  });

  it.skipIf(!works('unshare', ['--pid', '--fork', 'true']))(
    'has the pid that the process has in its own namespace, whatever /proc shows (needs root and unshare --pid)',
    async () => {
      // The built door, because the process must be inside.
      const script = `import('job-reaper/stamp').then(({ processToken }) => { console.log(processToken()); process.stdin.resume(); })`;
      const child = spawn('unshare', ['--pid', '--fork', '--kill-child', process.execPath, '-e', script], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      try {
        const [line] = (await once(child.stdout, 'data')) as [Buffer];
        const inside = Number(
          readFileSync(`/proc/${child.pid ?? 0}/task/${child.pid ?? 0}/children`, 'utf8'),
        );
        const namespace = /\d+/.exec(readlinkSync(`/proc/${inside}/ns/pid`))?.[0];
        expect(parseToken(line.toString().trim())).toMatchObject({
          pid: 1,
          pidNamespace: namespace,
          start: processIdentity(inside)?.split(':')[4],
        });
        expect(line.toString().trim()).toBe(readToken(inside));
      } finally {
        child.stdin.end();
        child.kill('SIGKILL');
        await once(child, 'close');
      }
    },
  );
});
