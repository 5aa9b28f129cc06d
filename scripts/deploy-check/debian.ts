import { execa } from 'execa';

/**
 * The mirror of Debian that this machine uses.
 *
 * @throws when there is none, as on another distribution
 */
export async function findMirror(): Promise<string> {
  const { stdout } = await execa('apt-get', ['indextargets', '--format', '$(ORIGIN) $(REPO_URI)']);
  const mirror = /^Debian (\S+)$/m.exec(stdout)?.[1];
  if (mirror === undefined) throw new Error('Expected a mirror of Debian in the sources of apt, got none');
  return mirror;
}
