import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Names } from '../../src/naming.js';

const names = new Names('job-reaper');
const hashed = (text: string) => `sha256-${createHash('sha256').update(text).digest('hex')}`;

it('leaves plain ids as they are, and hashes others', () => {
  expect(names.watchId({ jobId: 'j-1.2_3', runKey: '2-17' })).toBe('job-reaper/watch/j-1.2_3/2-17');
  expect(names.watchId({ jobId: 'a/b', runKey: '2' })).toBe(`job-reaper/watch/${hashed('a/b')}/2`);
  expect(names.probeQueue('')).toBe(`job-reaper/probe/${hashed('')}`);
});

it('gives no two ids one name, even if one id looks like the name of the other', () => {
  const jobId = fc.oneof(fc.constantFrom('a', 'a/b', '/', ''), fc.string());
  const chain = fc.tuple(jobId, fc.nat(3)).map(([text, times]) => {
    let name = text;
    for (let n = 0; n < times; n += 1) name = hashed(name);
    return name;
  });
  fc.assert(
    fc.property(fc.tuple(chain, chain), fc.tuple(chain, chain), ([job, run], [otherJob, otherRun]) => {
      fc.pre(job !== otherJob || run !== otherRun);
      expect(names.watchId({ jobId: job, runKey: run })).not.toBe(
        names.watchId({ jobId: otherJob, runKey: otherRun }),
      );
    }),
    {
      examples: [
        [
          ['a/b', '1'],
          [hashed('a/b'), '1'],
        ],
        [
          [hashed('a/b'), '1'],
          [hashed(hashed('a/b')), '1'],
        ],
      ],
    },
  );
});

it('has no queue or workflow whose name a host or a job could have', () => {
  for (const host of ['gates', '../gates', 'leases']) {
    expect([names.gateQueue, names.leaseQueue, names.workflowQueue]).not.toContain(names.probeQueue(host));
  }
});
