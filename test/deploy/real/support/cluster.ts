import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { generateKeyPairSync } from 'node:crypto';
import { openSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { execa } from 'execa';
import { eventually } from '../../../support/wait.js';
import { docker } from './compose.js';

/** The only node. Pods reach servers of the machine by this address. */
export const NODE = 'node-1';
export const NODE_ADDRESS = '10.99.0.1';
const POD_NETWORK = '10.88.0.0/16';
const PAUSE = 'localhost/pause:1';
const PATIENCE_MS = 300_000;
const TOKEN = 'check';

/**
 * A cluster of one node, whose files and control groups are those of `npm run deploy:check`, and end with it, as do its network and mounts. It
 * is in the machine's own pid namespace. It has neither DNS nor kube-proxy.
 */
export class Cluster {
  readonly #processes: ChildProcess[] = [];

  private constructor(
    private readonly programs: string,
    readonly folder: string,
    private readonly group: string,
  ) {}

  static async start(): Promise<Cluster> {
    const { DEPLOY_CHECK_KUBERNETES: programs, DEPLOY_CHECK_FOLDER: folder } = process.env;
    if (programs === undefined || folder === undefined) {
      throw new Error('Expected DEPLOY_CHECK_KUBERNETES and DEPLOY_CHECK_FOLDER: use npm run deploy:check');
    }
    const cluster = new Cluster(programs, folder, basename(folder));
    try {
      await cluster.#prepare();
      await cluster.#startEngine();
      await cluster.#startControlPlane();
      await cluster.#startNode();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** Runs kubectl, and returns what it prints. */
  async kubectl(...words: string[]): Promise<string> {
    return (await this.tryKubectl(...words)).stdout;
  }

  /** Runs kubectl with a manifest as its input. */
  async apply(manifest: object | object[], ...flags: string[]): Promise<string> {
    const items = Array.isArray(manifest) ? manifest : [manifest];
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    const words = ['apply', '--filename', '-', ...flags];
    const { stdout, stderr } = await execa('kubectl', words, { env: this.#env, input, timeout: PATIENCE_MS });
    return `${stdout}\n${stderr}`;
  }

  async tryKubectl(...words: string[]): Promise<{ stdout: string; stderr: string }> {
    return execa('kubectl', words, { env: this.#env, timeout: PATIENCE_MS });
  }

  /** Makes an image of the Docker daemon known to the node, under this name. */
  async load(image: string, name = image): Promise<void> {
    if (name !== image) await docker('tag', image, name);
    const file = join(this.folder, 'image.tar');
    await docker('save', '--output', file, name);
    await this.#ctr('images', 'import', file);
    await execa('rm', [file]);
  }

  /** Ends its programs. What is left of its pods ends with `npm run deploy:check`. */
  async stop(): Promise<void> {
    const running = this.#processes.filter((child) => child.exitCode === null && child.signalCode === null);
    const ended = Promise.all(running.map((child) => once(child, 'exit')));
    for (const child of running) child.kill('SIGTERM');
    await Promise.race([ended, setTimeout(10_000, undefined, { ref: false })]);
  }

  /** The end of a program's log. */
  async log(program: string, lines = 30): Promise<string> {
    const text = await readFile(join(this.folder, `${program}.log`), 'utf8');
    return text.split('\n').slice(-lines).join('\n');
  }

  get #env(): NodeJS.ProcessEnv {
    return { ...process.env, KUBECONFIG: join(this.folder, 'kubeconfig') };
  }

  async #ctr(...words: string[]): Promise<void> {
    const address = join(this.folder, 'containerd.sock');
    await execa('ctr', ['--address', address, '--namespace', 'k8s.io', ...words], { timeout: PATIENCE_MS });
  }

  /** Folders that programs insist on become copies of this machine's, which end with the mounts. */
  async #prepare(): Promise<void> {
    await execa('mount', ['--make-rshared', '/']);
    for (const path of ['/var/lib', '/var/log']) {
      const [upper, work] = ['upper', 'work'].map((kind) => join(this.folder, kind, path));
      await mkdir(upper ?? '', { recursive: true });
      await mkdir(work ?? '', { recursive: true });
      const options = `lowerdir=${path},upperdir=${upper},workdir=${work}`;
      await execa('mount', ['-t', 'overlay', 'overlay', '-o', options, path]);
    }
    // The kubelet sets these for the whole machine, unless they are as it wants them.
    for (const [name, value] of Object.entries(SYSCTLS)) {
      const file = join(this.folder, name.replaceAll('/', '-'));
      await writeFile(file, `${value}\n`);
      await execa('mount', ['--bind', file, `/proc/sys/${name}`]);
    }
    await execa('ip', ['link', 'add', 'node0', 'type', 'bridge']);
    await execa('ip', ['address', 'add', `${NODE_ADDRESS}/32`, 'dev', 'node0']);
    await execa('ip', ['link', 'set', 'node0', 'up']);
    await writeFile(join(this.folder, 'resolv.conf'), '');
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = { type: 'spki', format: 'pem' } as const;
    await writeFile(join(this.folder, 'sa.pub'), publicKey.export(pem));
    await writeFile(join(this.folder, 'sa.key'), privateKey.export({ type: 'pkcs1', format: 'pem' }));
    await writeFile(join(this.folder, 'tokens.csv'), `${TOKEN},admin,admin,system:masters\n`);
    await this.#writeConfig('kubeconfig', {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        { name: 'a', cluster: { server: 'https://127.0.0.1:6443', 'insecure-skip-tls-verify': true } },
      ],
      users: [{ name: 'a', user: { token: TOKEN } }],
      contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
      'current-context': 'a',
    });
  }

  /** JSON is YAML, too. */
  async #writeConfig(file: string, value: object): Promise<string> {
    const path = join(this.folder, file);
    await writeFile(path, JSON.stringify(value));
    return path;
  }

  async #startEngine(): Promise<void> {
    const cni = join(this.folder, 'cni');
    await mkdir(cni);
    await this.#writeConfig('cni/10-bridge.conflist', {
      cniVersion: '1.0.0',
      name: 'pods',
      plugins: [
        {
          type: 'bridge',
          bridge: 'cni0',
          isGateway: true,
          ipam: {
            type: 'host-local',
            ranges: [[{ subnet: POD_NETWORK }]],
            routes: [{ dst: '0.0.0.0/0' }],
            dataDir: join(this.folder, 'addresses'),
          },
        },
      ],
    });
    const config = join(this.folder, 'containerd.toml');
    await writeFile(
      config,
      `version = 2
root = "${this.folder}/containerd"
state = "${this.folder}/containerd-state"
[grpc]
address = "${this.folder}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "${PAUSE}"
# Not every root may lower it.
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "${cni}"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
`,
    );
    this.#run('containerd', ['--config', config]);
    await this.#eventually('containerd answers', 'containerd', async () => {
      await this.#ctr('version');
      return true;
    });
  }

  async #startControlPlane(): Promise<void> {
    const { folder } = this;
    const kubeconfig = `--kubeconfig=${join(folder, 'kubeconfig')}`;
    this.#run(join(this.programs, 'etcd'), [`--data-dir=${folder}/etcd`, '--unsafe-no-fsync']);
    this.#run(join(this.programs, 'kube-apiserver'), [
      '--etcd-servers=http://127.0.0.1:2379',
      `--advertise-address=${NODE_ADDRESS}`,
      `--cert-dir=${folder}/apiserver`,
      `--token-auth-file=${folder}/tokens.csv`,
      '--authorization-mode=AlwaysAllow',
      '--allow-privileged=true',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${folder}/sa.pub`,
      `--service-account-signing-key-file=${folder}/sa.key`,
      '--service-cluster-ip-range=10.96.0.0/16',
      '--kubelet-preferred-address-types=InternalIP',
    ]);
    await this.#eventually('the API server is ready', 'kube-apiserver', async () => {
      return (await this.kubectl('get', '--raw', '/readyz')) === 'ok';
    });
    this.#run(join(this.programs, 'kube-controller-manager'), [
      kubeconfig,
      '--leader-elect=false',
      `--service-account-private-key-file=${folder}/sa.key`,
      `--root-ca-file=${folder}/apiserver/apiserver.crt`,
    ]);
    this.#run(join(this.programs, 'kube-scheduler'), [kubeconfig, '--leader-elect=false']);
  }

  async #startNode(): Promise<void> {
    const { folder } = this;
    const config = await this.#writeConfig('kubelet.json', {
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
      authorization: { mode: 'AlwaysAllow' },
      containerRuntimeEndpoint: `unix://${folder}/containerd.sock`,
      cgroupDriver: 'cgroupfs',
      cgroupRoot: `/${this.group}/pods`,
      enforceNodeAllocatable: [],
      failSwapOn: false,
      resolvConf: join(folder, 'resolv.conf'),
      evictionHard: { 'memory.available': '1Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
      imageGCHighThresholdPercent: 100,
      serverTLSBootstrap: false,
    });
    await docker('build', '--tag', PAUSE, '--file', await this.#pauseFile(), folder + '/pause');
    await this.load(PAUSE);
    this.#run(join(this.programs, 'kubelet'), [
      `--config=${config}`,
      `--kubeconfig=${folder}/kubeconfig`,
      `--hostname-override=${NODE}`,
      `--node-ip=${NODE_ADDRESS}`,
      `--root-dir=${folder}/kubelet`,
      `--cert-dir=${folder}/kubelet-certificates`,
    ]);
    await this.#eventually('the node is ready', 'kubelet', async () => {
      const path = `jsonpath={.status.conditions[?(@.type=="Ready")].status}`;
      return (await this.kubectl('get', 'node', NODE, '--output', path)) === 'True';
    });
  }

  /** As Kubernetes' own, it waits, and collects what a pod's containers leave behind. */
  async #pauseFile(): Promise<string> {
    await mkdir(join(this.folder, 'pause'));
    const file = join(this.folder, 'pause', 'Dockerfile');
    await writeFile(
      file,
      'FROM job-reaper\nENTRYPOINT ["/usr/bin/tini", "--", "sleep", "infinity"]\nCMD []\n',
    );
    return file;
  }

  #run(program: string, args: string[]): void {
    const log = openSync(join(this.folder, `${basename(program)}.log`), 'w');
    const child = spawn(program, args, { stdio: ['ignore', log, log] });
    child.on('error', () => undefined);
    this.#processes.push(child);
  }

  async #eventually(what: string, program: string, look: () => Promise<boolean>): Promise<void> {
    try {
      await eventually(what, look, PATIENCE_MS);
    } catch (error) {
      throw new Error(`Expected ${what}, got:\n${await this.log(program)}`, { cause: error });
    }
  }
}

const SYSCTLS = {
  'vm/overcommit_memory': 1,
  'vm/panic_on_oom': 0,
  'kernel/panic': 10,
  'kernel/panic_on_oops': 1,
  'kernel/keys/root_maxkeys': 1_000_000,
  'kernel/keys/root_maxbytes': 25_000_000,
};
