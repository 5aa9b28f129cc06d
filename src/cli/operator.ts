import { hostname, userInfo } from 'node:os';
import { Option } from 'commander';

/** Who gives this command, as the audit trail names them: `user@host`. */
function whoAmI(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    // In a container the user may be a number without a name.
    return `uid ${process.getuid?.() ?? 'unknown'}@${hostname()}`;
  }
}

/** `--by`: who gives the command. */
export function byOption(): Option {
  return new Option('--by <who>', 'who gives this command, for the audit trail').default(whoAmI());
}

/** `--reason`: what others will read when they wonder. */
export function reasonOption(): Option {
  return new Option('--reason <text>', 'why, for whoever wonders later').default('no reason given');
}
