import { driverFor, readView, whyNoHostProc } from '../../liveness/index.js';
import { fail, ok, warn, type Check, type Finding } from './check.js';

/** Checks what a probe here, with the rights of this command, can tell of processes in other pid namespaces than its own. */
export const processesCheck: Check = {
  name: 'processes',
  needs: [],
  run: ({ settings }) => Promise.resolve(checkProc(settings.REAPER_PROC)),
};

function checkProc(path: string): Finding[] {
  const expected = 'a view of the processes that launchers here start';
  if (driverFor(path).kind !== 'linux') return [ok(expected, 'this platform has no pid namespaces')];
  const why = path === '/proc' ? null : whyNoHostProc(path);
  if (why !== null) {
    return [
      fail(
        `a mount of the host's /proc at REAPER_PROC ("${path}")`,
        why,
        "mount the host's /proc there, or leave REAPER_PROC unset: docs/deployment.md",
      ),
    ];
  }
  const { isInitial, hidden, canTrace } = readView(path);
  if (hidden !== null) {
    return [
      warn(
        `a ${path} that shows all processes`,
        hidden,
        'mount it without hidepid for this process, or grant CAP_SYS_PTRACE: docs/deployment.md',
      ),
    ];
  }
  if (!isInitial) return [ok(expected, `those of this pid namespace: deaths elsewhere are unknown`)];
  if (canTrace) return [ok(expected, 'those of all pid namespaces of this machine')];
  return [
    ok(
      expected,
      'those of this pid namespace, and deaths in all others of this machine; CAP_SYS_PTRACE is missing to prove life there',
    ),
  ];
}
