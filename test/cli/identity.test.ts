import { describe, expect, test } from 'vitest';
import { processIdentity } from '../../src/liveness/index.js';
import { cli, deadProcess, liveProcess } from './support.js';

describe('identity', () => {
  test('prints the stamp of a process, whatever the settings say', async () => {
    const { pid } = liveProcess();
    const { code, stdout } = await cli(['identity', String(pid)], { REAPER_INTERVAL_S: 'nonsense' });
    expect(stdout.trim()).toBe(processIdentity(pid));
    expect(code).toBe(0);
  });

  test('says why there is none', async () => {
    const { pid } = await deadProcess();
    const { code, stdout, stderr } = await cli(['identity', String(pid)]);
    expect(stdout).toBe('');
    expect(stderr).toContain('no process has this pid');
    expect(code).toBe(1);
  });
});
