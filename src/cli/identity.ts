import { Command, InvalidArgumentError } from 'commander';
import { processIdentity, selectDriver } from '../liveness/index.js';
import { CliError } from './errors.js';
import { examples } from './output.js';

/** `job-reaper identity` */
export function identityCommand(): Command {
  return new Command('identity')
    .description('Print the identity stamp of a process, for a launcher to store with the pid')
    .argument('<pid>', 'a process on this host that has not been waited for yet', parsePid)
    .addHelpText('after', examples('job-reaper identity $$'))
    .action((pid: number) => {
      const stamp = processIdentity(pid);
      if (stamp === null) throw new CliError(`Expected a stamp for pid ${pid}, got none: ${whyNone(pid)}`);
      console.log(stamp);
    });
}

function whyNone(pid: number): string {
  const sighting = selectDriver().look(pid);
  switch (sighting.kind) {
    case 'absent':
      return 'no process has this pid here; store no stamp';
    case 'present':
      return 'what the platform reports does not identify the process; store no stamp';
    case 'hidden':
    case 'unclear':
      return `${sighting.why}; store no stamp`;
  }
}

function parsePid(text: string): number {
  const pid = Number(text);
  if (!/^\d+$/.test(text) || pid < 1 || !Number.isSafeInteger(pid)) {
    throw new InvalidArgumentError('Expected a positive whole number.');
  }
  return pid;
}
