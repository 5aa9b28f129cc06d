import { Command, InvalidArgumentError } from 'commander';
import { messageOf } from '../domain/trouble.js';
import { processIdentity, selectDriver } from '../liveness/index.js';
import { readToken } from '../liveness/read-token.js';
import { CliError } from './errors.js';
import { examples } from './output.js';

/** `job-reaper identity` */
export function identityCommand(): Command {
  return new Command('identity')
    .description('Print the identity stamp of a process, for a launcher to store with the pid')
    .argument('[pid]', 'a process on this host that has not been waited for yet', parsePid)
    .option('--token', 'print its token instead (without a pid: that of the process that runs this command)')
    .addHelpText('after', examples('job-reaper identity $$', 'job-reaper identity --token $$'))
    .action((pid: number | undefined, { token }: { token?: true }) => {
      if (token) console.log(tokenOf(pid ?? process.ppid));
      else if (pid === undefined) throw new CliError('Expected a pid, got none: name a process on this host');
      else console.log(stampOf(pid));
    });
}

function stampOf(pid: number): string {
  const stamp = processIdentity(pid);
  if (stamp === null) throw new CliError(`Expected a stamp for pid ${pid}, got none: ${whyNone(pid)}`);
  return stamp;
}

function tokenOf(pid: number): string {
  try {
    return readToken(pid);
  } catch (error) {
    throw new CliError(`Expected a token for pid ${pid}, got none: ${messageOf(error)}`);
  }
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
