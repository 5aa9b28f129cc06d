import type { LeaseContent } from './content.js';
import type { LeaseFolder } from './folder.js';
import type { LeaseNameKind, LeaseNames } from './names.js';

/** One name of a lease, and its content. */
export interface SeenFile {
  name: string;
  kind: Exclude<LeaseNameKind, 'temporary'>;
  id: string;
  writtenAt: Date;
  content: LeaseContent;
}

/** All files of one holding: several names, and two terms during a renewal. Newest term last; never empty. */
export interface LeaseGroup {
  key: string;
  files: SeenFile[];
}

/** A repo's files, as read once. */
export interface Survey {
  groups: LeaseGroup[];
  temporaries: { name: string; writtenAt: Date }[];
  /** What is in a lease's place but is not a lease, one line each. */
  trouble: string[];
}

/** Reads all files of a repo and changes nothing. */
export async function survey(folder: LeaseFolder, names: LeaseNames): Promise<Survey> {
  const files: SeenFile[] = [];
  const temporaries: Survey['temporaries'] = [];
  const trouble: string[] = [];
  for (const { name, kind } of await folder.list(names)) {
    const found = await folder.read(name);
    if (found.kind === 'absent') continue;
    if (found.kind === 'foreign') {
      trouble.push(`Expected \`${name}\` to be a regular file, got ${found.what}: remove it manually`);
    } else if (kind === 'temporary') {
      temporaries.push({ name, writtenAt: found.writtenAt });
    } else {
      files.push({ name, kind, id: found.id, writtenAt: found.writtenAt, content: found.content });
    }
  }
  return { groups: groupFiles(files), temporaries, trouble };
}

function groupFiles(files: SeenFile[]): LeaseGroup[] {
  const groups = new Map<string, SeenFile[]>();
  for (const file of files.sort((a, b) => startOf(a) - startOf(b))) {
    const { content } = file;
    const key = content.kind === 'lease' ? `token ${content.lease.token}` : `file ${file.id}`;
    groups.set(key, [...(groups.get(key) ?? []), file]);
  }
  return [...groups].map(([key, members]) => ({ key, files: members }));
}

function startOf({ content, writtenAt }: SeenFile): number {
  return (content.kind === 'lease' ? content.lease.acquiredAt : writtenAt).getTime();
}
