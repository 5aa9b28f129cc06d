import { cp, mkdir, readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { execa } from 'execa';
import { parseDockerfile, parseDockerignore, type Instruction } from './dockerfile.js';

/** The result of the last stage, and how its container would start. */
export interface Image {
  /** The folder with the container's root file system. */
  root: string;
  /** The command with its arguments, in the container's paths. */
  entrypoint: string[];
  env: Record<string, string>;
  uid: number;
}

/**
 * Does in folders what a container engine would do with the Dockerfile: each stage sees only what was copied into it. Skips
 * the installation of Debian packages, and logs that.
 *
 * @param context the folder of the Dockerfile
 * @param folder an empty folder for the result
 */
export async function buildByHand(
  context: string,
  folder: string,
  log: (line: string) => void,
): Promise<Image> {
  const stages = parseDockerfile(await readFile(join(context, 'Dockerfile'), 'utf8'));
  let image: Image | undefined;
  for (const { name, instructions } of stages) {
    const root = join(folder, name);
    image = { root, entrypoint: [], env: {}, uid: 0 };
    let workdir = '/';
    await mkdir(root);
    for (const instruction of instructions) {
      log(`[${name}] ${instruction.name} ${instruction.rest}`);
      if (instruction.name === 'WORKDIR') {
        workdir = instruction.rest;
        await mkdir(join(root, workdir), { recursive: true });
      } else {
        await follow(instruction, image, { context, folder, workdir, log });
      }
    }
  }
  if (image === undefined) throw new Error('Expected a FROM in Dockerfile, got none');
  return image;
}

interface Place {
  context: string;
  folder: string;
  workdir: string;
  log: (line: string) => void;
}

async function follow({ name, rest }: Instruction, image: Image, place: Place): Promise<void> {
  switch (name) {
    case 'COPY':
      return copy(rest.split(' '), image.root, place);
    case 'RUN':
      if (rest.startsWith('apt-get')) {
        place.log('  left out: only a container engine can do this');
        return;
      }
      await execa(rest, {
        shell: true,
        cwd: join(image.root, place.workdir),
        env: image.env,
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      return;
    case 'ENV': {
      const [variable = '', value = ''] = rest.split('=');
      image.env[variable] = value;
      return;
    }
    case 'USER':
      image.uid = Number(rest);
      return;
    case 'ENTRYPOINT':
      image.entrypoint = JSON.parse(rest) as string[];
      return;
    case 'CMD':
      // Only a default, which is replaced when the container is started.
      return;
    default:
      throw new Error(`Expected an instruction that works without a container engine, got ${name}`);
  }
}

async function copy(words: string[], root: string, { context, folder, workdir }: Place): Promise<void> {
  const from = words[0]?.startsWith('--from=') ? words.shift()?.slice('--from='.length) : undefined;
  const target = join(root, workdir, words.pop() ?? '');
  const isLeftOut =
    from === undefined
      ? parseDockerignore(await readFile(join(context, '.dockerignore'), 'utf8'))
      : () => false;
  for (const source of words) {
    if (from !== undefined) {
      const isFile = /\.[a-z]+$/.test(source);
      await cp(join(folder, from, source), isFile ? join(target, basename(source)) : target, {
        recursive: true,
      });
    } else if (source === '.') {
      const names = (await readdir(context)).filter((name) => !isLeftOut(name));
      for (const name of names) await cp(join(context, name), join(target, name), { recursive: true });
    } else {
      if (isLeftOut(source))
        throw new Error(`Expected ${source} in the context, but .dockerignore leaves it out`);
      await cp(join(context, source), join(target, source));
    }
  }
}
