import { execa } from 'execa';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { checkSettings, read, readEnvFile } from './support.js';

const UNIT = 'deploy/systemd/job-reaper-probe.service';

const { failed: hasNoSystemd } = await execa('systemd-analyze', ['--version'], { reject: false });

it.skipIf(hasNoSystemd)('systemd understands every line of the unit (needs systemd-analyze)', async () => {
  const unit = await read(UNIT);
  expect(await verify(unit)).toEqual([]);
  expect(await verify(unit.replace('NoNewPrivileges=', 'NoNewPrivilges='))).toEqual([
    expect.stringContaining('NoNewPrivilges') as string,
  ]);
});

it('does not hide the processes that the probe has to see', async () => {
  const unit = await read(UNIT);
  expect(unit).toMatch(/^ProtectProc=default$/m);
  expect(unit).toMatch(/^ProcSubset=all$/m);
  expect(unit).not.toMatch(/^(PrivatePIDs|PrivateUsers)=/m);
});

it('runs a command that there is, with settings that there are', async () => {
  expect(await read(UNIT)).toMatch(/^ExecStart=\S+ \S+\/dist\/src\/cli\.js worker --no-workflows$/m);
  const env = readEnvFile(await read('deploy/systemd/probe.env.example'));
  expect(Object.keys(env)).toContain('REAPER_HOST');
  checkSettings(env);
});

/** What systemd says of the unit, as it would be where Node.js is. */
async function verify(unit: string): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'job-reaper-unit-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'job-reaper-probe.service');
  await writeFile(path, unit.replace(/^ExecStart=\S+/m, `ExecStart=${process.execPath}`));
  const { stderr } = await execa('systemd-analyze', ['verify', '--man=no', path], { reject: false });
  // It also verifies what the unit depends on, which is the machine's own business.
  return stderr.split('\n').filter((line) => line.includes(path));
}
