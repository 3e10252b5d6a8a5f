// What deploy/kubernetes says, rendered by kubectl itself and held to the schemas of Kubernetes and of the Gateway
// API; and the built program over mounts that change as kubelet changes them.

import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import { HTTPRoute } from '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1/HTTPRoute';
import { SignJWT } from 'jose';
import { assert, check, complete, freePort, scenario, scratch, start, startUpstream, until } from './harness.mjs';
import { run } from './debian.mjs';

const ROOT = path.resolve(import.meta.dirname, '../..');
const PROGRAM = process.env.PORTCULLIS;
const KUBERNETES = '1.34';

const read = (...parts) => readFileSync(path.join(ROOT, ...parts), 'utf8');

await scenario(async () => {
  const folder = scratch();
  await base(folder);
  await example(folder);
  await mounts(folder);
});

/** Whether Kubernetes knows these manifests; and what is in them. */
function validate(names) {
  return complete(process.env.PYTHON, [path.join(import.meta.dirname, 'manifests.py'), KUBERNETES, ...names]);
}

async function base(folder) {
  const base = path.join(ROOT, 'deploy/kubernetes');
  const files = readdirSync(base).filter((name) => name.endsWith('.yaml'));
  const manifests = files.filter((name) => name !== 'kustomization.yaml').map((name) => path.join(base, name));
  const { code, output } = await validate(manifests);
  await check(`the manifests are what Kubernetes ${KUBERNETES} knows`, () => {
    assert.equal(code, 0, output);
  });
  const lines = output.split('\n').filter((line) => line.startsWith('{'));
  const all = lines.map((line) => JSON.parse(line).document);
  const of = (kind) => all.filter((one) => one.kind === kind);
  const [deployment] = of('Deployment');
  const [pod] = [deployment.spec.template];
  const [container] = pod.spec.containers;

  for (const [name, from, to] of [
    ['deployment.yaml', 'readOnlyRootFilesystem', 'readOnlyRootFileSystem'],
    ['deployment.yaml', 'terminationGracePeriodSeconds: 45', 'terminationGracePeriodSeconds: soon'],
    ['service.yaml', 'targetPort', 'targetport'],
    ['poddisruptionbudget.yaml', 'maxUnavailable', 'maxUnavailible'],
    ['networkpolicy.yaml', 'podSelector:', 'podSelecter:'],
    ['horizontalpodautoscaler.yaml', 'minReplicas', 'minReplica'],
    ['horizontalpodautoscaler.yaml', 'maxReplicas: 10', 'maxReplicas: ten'],
  ]) {
    await check(`a typo in ${name} is told: ${to}`, async () => {
      const text = readFileSync(path.join(base, name), 'utf8');
      assert.ok(text.includes(from));
      const file = path.join(folder, name);
      writeFileSync(file, text.replace(from, to));
      const refused = await validate([file]);
      assert.equal(refused.code, 1, refused.output);
    });
  }
  await check('the base names each manifest but the example', () => {
    const named = /^resources:\n((?: {2}- .*\n)+)/m.exec(read('deploy/kubernetes/kustomization.yaml'))[1];
    const listed = [...named.matchAll(/- (.*)/g)].map((found) => found[1]).sort();
    const there = files.filter((name) => !['kustomization.yaml', 'secret.example.yaml'].includes(name)).sort();
    assert.deepEqual(listed, there);
  });
  await check('everything is in one namespace and has one name', () => {
    const [{ metadata: { name: namespace } }] = of('Namespace');
    for (const one of all.filter(({ kind }) => kind !== 'Namespace')) {
      assert.deepEqual([one.metadata.namespace, one.metadata.name], [namespace, 'portcullis'], one.kind);
    }
  });
  await check('what selects pods selects these', () => {
    const labels = pod.metadata.labels;
    const selectors = [
      deployment.spec.selector.matchLabels,
      of('Service')[0].spec.selector,
      of('PodDisruptionBudget')[0].spec.selector.matchLabels,
      of('NetworkPolicy')[0].spec.podSelector.matchLabels,
      ...pod.spec.topologySpreadConstraints.map((one) => one.labelSelector.matchLabels),
    ];
    for (const selector of selectors) assert.deepEqual(selector, labels);
    const ports = container.ports.map((one) => one.name);
    for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) {
      assert.ok(ports.includes(container[probe].httpGet.port), probe);
    }
    for (const { targetPort } of of('Service')[0].spec.ports) assert.equal(targetPort, 'http');
    const [{ spec: scaled }] = of('HorizontalPodAutoscaler');
    const { kind, apiVersion, metadata } = deployment;
    assert.deepEqual(scaled.scaleTargetRef, { kind, apiVersion, name: metadata.name });
    assert.equal(deployment.spec.replicas, undefined, 'the autoscaler says how many');
    assert.ok(scaled.minReplicas >= 2 && scaled.minReplicas < scaled.maxReplicas);
    assert.ok(scaled.minReplicas > of('PodDisruptionBudget')[0].spec.maxUnavailable);
  });

  await check('the pod keeps to the restricted profile', () => assert.deepEqual(unrestricted(pod.spec), []));
  for (const [name, loosen] of [
    ['a root user', (spec) => { spec.securityContext.runAsUser = 0; }],
    ['a user that may be root', (spec) => { delete spec.securityContext.runAsNonRoot; }],
    ['no seccomp', (spec) => { spec.securityContext.seccompProfile.type = 'Unconfined'; }],
    ['new privileges', (spec) => { delete spec.containers[0].securityContext.allowPrivilegeEscalation; }],
    ['a capability', (spec) => { spec.containers[0].securityContext.capabilities.add = ['NET_RAW']; }],
    ['the host\'s network', (spec) => { spec.hostNetwork = true; }],
    ['the host\'s files', (spec) => { spec.volumes.push({ name: 'x', hostPath: { path: '/' } }); }],
    ['the host\'s port', (spec) => { spec.containers[0].ports[0].hostPort = 80; }],
    ['a root that is written', (spec) => { spec.containers[0].securityContext.readOnlyRootFilesystem = false; }],
  ]) {
    await check(`the profile does not allow ${name}`, () => {
      const spec = structuredClone(pod.spec);
      loosen(spec);
      assert.equal(unrestricted(spec).length, 1);
    });
  }

  const config = of('ConfigMap')[0].data['portcullis.toml'];
  await check('the configuration of the ConfigMap is good', async () => {
    const file = path.join(folder, 'portcullis.toml');
    const secret = path.join(folder, 'admin.token');
    writeFileSync(secret, of('Secret')[0].stringData['admin.token']);
    writeFileSync(file, config.replace('/etc/portcullis-secrets/admin.token', secret));
    await run(PROGRAM, ['check', '-c', file]);
    writeFileSync(file, config.replace('/etc/portcullis-secrets/admin.token', secret).replace('listen', 'lisen'));
    assert.equal((await complete(PROGRAM, ['check', '-c', file])).code, 2);
  });
  await check('the configuration and the pod say the same', () => {
    for (const { name, containerPort } of container.ports) {
      assert.ok(config.includes(`"0.0.0.0:${containerPort}"`), name);
    }
    const mounts = container.volumeMounts.map((one) => one.mountPath);
    const [, secret] = /token_file = "(.*)"/.exec(config);
    assert.ok(mounts.includes(path.dirname(secret)));
    assert.ok(Object.keys(of('Secret')[0].stringData).includes(path.basename(secret)));
    const [, state] = /key_cache_dir = "(.*)"/.exec(config);
    assert.ok(mounts.includes(path.dirname(state)));
    const [tls] = /\/etc\/[^"]*(?=\/tls.crt)/.exec(config);
    assert.ok(mounts.includes(tls));
    const workers = Number(/workers\s+= (\d+)/.exec(config)[1]);
    const { averageValue } = of('HorizontalPodAutoscaler')[0].spec.metrics[0].resource.target;
    assert.equal(averageValue, `${workers * 700}m`);
    const drain = Number(/drain_timeout = "(\d+)s"/.exec(config)[1]);
    const sleep = container.lifecycle.preStop.sleep.seconds;
    assert.ok(pod.spec.terminationGracePeriodSeconds > drain + sleep);
    const [, file] = /-c (\S+)/.exec(container.args.join(' '));
    assert.ok(mounts.includes(path.dirname(file)));
  });
}

/** The example of an overlay, as kubectl renders it. */
async function example(folder) {
  const kubectl = (await run(process.env.PYTHON, [path.join(import.meta.dirname, 'kubectl.py'), folder])).trim();
  const render = (own) => complete(kubectl, ['kustomize', own], { env: { PATH: process.env.PATH, HOME: folder } });
  const documents = async (own) => {
    const { code, output } = await render(path.join(ROOT, own));
    assert.equal(code, 0, output);
    const file = path.join(folder, `${path.basename(own)}.yaml`);
    writeFileSync(file, output);
    // The Gateway API is no part of Kubernetes: its schemas are asked for apart.
    const [routes, rest] = [[], []];
    for (const one of output.split('\n---\n')) (/^kind: HTTPRoute$/m.test(one) ? routes : rest).push(one);
    writeFileSync(file, rest.join('\n---\n'));
    const { code: known, output: said } = await validate([file]);
    assert.equal(known, 0, said);
    const lines = said.split('\n').filter((line) => line.startsWith('{'));
    return { all: lines.map((line) => JSON.parse(line).document), routes };
  };

  await check('kubectl renders the base, and it is what stands in its files', async () => {
    const { all, routes } = await documents('deploy/kubernetes');
    const kinds = all.map(({ kind }) => kind).sort();
    assert.deepEqual(kinds, ['ConfigMap', 'Deployment', 'HorizontalPodAutoscaler', 'Namespace', 'NetworkPolicy',
      'PodDisruptionBudget', 'Service', 'ServiceAccount']);
    assert.deepEqual(routes, []);
  });
  const { all, routes } = await documents('deploy/kubernetes-example');
  const [config] = all.filter(({ kind }) => kind === 'ConfigMap');
  const [deployment] = all.filter(({ kind }) => kind === 'Deployment');
  await check('the example has its own image, configuration and limits, and the walls of the base', () => {
    assert.match(deployment.spec.template.spec.containers[0].image, /^registry\.example\.com\/portcullis@sha256:/);
    assert.deepEqual(unrestricted(deployment.spec.template.spec), []);
    // A name with a hash would make a rollout of every change.
    assert.equal(config.metadata.name, 'portcullis');
    assert.equal(config.data['portcullis.toml'], read('deploy/kubernetes-example/portcullis.toml'));
    const [scaler] = all.filter(({ kind }) => kind === 'HorizontalPodAutoscaler');
    assert.equal(scaler.spec.maxReplicas, 20);
    const [policy] = all.filter(({ kind }) => kind === 'NetworkPolicy');
    assert.match(JSON.stringify(policy.spec.egress), /"app.kubernetes.io\/name":"orders"/);
  });
  await check('the configuration of the example is good', async () => {
    const [file, secret] = [path.join(folder, 'example.toml'), path.join(folder, 'example.token')];
    writeFileSync(secret, 'a-secret-of-the-test-long-enough');
    const text = config.data['portcullis.toml'].replace('/etc/portcullis-secrets/admin.token', secret);
    writeFileSync(file, text);
    await run(PROGRAM, ['check', '-c', file]);
    writeFileSync(file, text.replace('50/s', '50'));
    assert.equal((await complete(PROGRAM, ['check', '-c', file])).code, 2);
  });
  await check('the Gateway API knows the route, which leads to the service', async () => {
    assert.equal(routes.length, 1);
    const route = JSON.parse(await run(process.env.PYTHON,
      ['-c', 'import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.argv[1])))', routes[0]]));
    new HTTPRoute(route).validate();
    const [service] = all.filter(({ kind }) => kind === 'Service');
    const [{ name, port }] = route.spec.rules[0].backendRefs;
    assert.deepEqual([name, port], [service.metadata.name, service.spec.ports[0].port]);
    assert.equal(route.metadata.namespace, service.metadata.namespace);
    for (const spoil of [
      (one) => { one.spec.rules[0].backendRefs[0].port = '80'; },
      (one) => { delete one.spec.rules[0].backendRefs[0].name; },
      (one) => { one.spec.rules[0].matches[0].path.type = 'Prefix'; },
      (one) => { one.spec.hostnames = ['https://api.example.com']; },
    ]) {
      const spoiled = structuredClone(route);
      spoil(spoiled);
      assert.throws(() => new HTTPRoute(spoiled).validate(), String(spoil));
    }
  });
  await check('kubectl tells of a patch that fits nothing', async () => {
    const own = path.join(folder, 'overlay');
    mkdirSync(own);
    const text = read('deploy/kubernetes-example/kustomization.yaml');
    for (const name of ['httproute.yaml', 'portcullis.toml']) {
      writeFileSync(path.join(own, name), read('deploy/kubernetes-example', name));
    }
    const base = path.relative(own, path.join(ROOT, 'deploy/kubernetes'));
    const write = (changed) => writeFileSync(path.join(own, 'kustomization.yaml'), changed.replace('../kubernetes', base));
    write(text);
    assert.equal((await render(own)).code, 0);
    write(text.replace('/spec/egress/1/to/0', '/spec/egress/9/to/0'));
    assert.notEqual((await render(own)).code, 0);
    write(text.replace('behavior: replace', 'behavior: create'));
    assert.notEqual((await render(own)).code, 0);
  });
}

/** A volume of a ConfigMap or a Secret: kubelet writes a new folder, and swaps the one link to it. */
function volume(folder) {
  mkdirSync(folder);
  let version = 0;
  return (files) => {
    const own = `..2026_11_22_${version += 1}`;
    mkdirSync(path.join(folder, own));
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, own, name), text, { mode: 0o600 });
    symlinkSync(own, path.join(folder, '..data_tmp'));
    renameSync(path.join(folder, '..data_tmp'), path.join(folder, '..data'));
    for (const name of Object.keys(files)) {
      if (version === 1) symlinkSync(path.join('..data', name), path.join(folder, name));
    }
    if (version > 1) rmSync(path.join(folder, `..2026_11_22_${version - 1}`), { recursive: true });
  };
}

/** The built program over four volumes, each of which changes while it runs. */
async function mounts(folder) {
  const at = (name) => path.join(folder, 'pod', name);
  mkdirSync(at(''));
  const volumes = Object.fromEntries(['config', 'secrets', 'tls', 'keys'].map((name) => [name, volume(at(name))]));
  const upstream = await startUpstream();
  const [port, admin] = [await freePort(), await freePort()];
  const config = (more = '') => ({
    'portcullis.toml': `
[server]
listen = "127.0.0.1:${port}"
tls = { certificate_file = "${at('tls')}/tls.crt", private_key_file = "${at('tls')}/tls.key" }
[admin]
listen = "127.0.0.1:${admin}"
token_file = "${at('secrets')}/admin.token"
[upstream]
url = "${upstream.url}"
[issuers."https://idp.example.com"]
jwks_file = "${at('keys')}/jwks.json"
audiences = ["https://api.example.com"]
${more}` });
  const secret = (name) => ({ 'admin.token': `${name}-secret-of-the-test-long-enough\n` });
  const certificate = async () => {
    await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1',
      '-subj', '/CN=api.example.com', '-addext', 'subjectAltName=DNS:api.example.com',
      '-keyout', path.join(folder, 'k.pem'), '-out', path.join(folder, 'c.pem')]);
    return { 'tls.crt': readFileSync(path.join(folder, 'c.pem')), 'tls.key': readFileSync(path.join(folder, 'k.pem')) };
  };
  const signer = (kid) => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwks = { 'jwks.json': JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid, alg: 'ES256' }] }) };
    const token = () => new SignJWT({ sub: 'ann' }).setProtectedHeader({ alg: 'ES256', kid })
      .setIssuer('https://idp.example.com').setAudience('https://api.example.com').setExpirationTime('5m').sign(privateKey);
    return { jwks, token };
  };
  const [one, other] = [signer('one'), signer('other')];
  volumes.config(config());
  volumes.secrets(secret('first'));
  volumes.tls(await certificate());
  volumes.keys(one.jwks);
  const gateway = start(PROGRAM, ['run', '-c', path.join(at('config'), 'portcullis.toml')]);

  /** Status, code and the certificate's fingerprint; always on a new connection. */
  const ask = (target, token) => new Promise((resolve, reject) => {
    const headers = token ? { authorization: `Bearer ${token}` } : {};
    const options = { port, host: '127.0.0.1', path: target, headers, rejectUnauthorized: false, agent: false };
    https.get({ ...options, servername: 'api.example.com' }, async (response) => {
      const { fingerprint256 } = response.socket.getPeerCertificate();
      let text = '';
      for await (const part of response.setEncoding('utf8')) text += part;
      resolve({ status: response.statusCode, code: JSON.parse(text).code, fingerprint256 });
    }).on('error', reject);
  });
  const status = async (name) => (await fetch(`http://127.0.0.1:${admin}/status`,
    { headers: { authorization: `Bearer ${name}-secret-of-the-test-long-enough` } })).status;

  await until('the gateway has its keys', gateway, async () => (await ask('/x', await one.token())).status === 200);
  const first = await ask('/open/x');
  const seen = upstream.seen.length;
  await check('before the volumes change, what they will bring is refused', async () => {
    assert.deepEqual([first.status, first.code], [401, 'token_missing']);
    assert.equal((await ask('/x', await other.token())).code, 'key_not_found');
    assert.deepEqual([await status('first'), await status('second')], [200, 401]);
    assert.equal(upstream.seen.length, seen);
  });
  await check('a ConfigMap that changes is taken without a restart', async () => {
    volumes.config(config('[[routes]]\npath = "/open/{*rest}"\naccess = "public"\n[[routes]]\npath = "/{*rest}"\n'));
    await until('the new route', gateway, async () => (await ask('/open/x')).status === 200);
    assert.equal((await ask('/x')).code, 'token_missing');
  });
  await check('a Secret with a certificate that changes is shown to new connections', async () => {
    volumes.tls(await certificate());
    await until('the new certificate', gateway, async () =>
      (await ask('/open/x')).fingerprint256 !== first.fingerprint256);
  });
  await check('the secret of the admin listener changes, and the old one is refused', async () => {
    volumes.secrets(secret('second'));
    await until('the new secret', gateway, async () => (await status('second')) === 200);
    assert.equal(await status('first'), 401);
  });
  await check('keys in a volume change, and those that are gone verify nothing', async () => {
    volumes.keys(other.jwks);
    await until('the new key', gateway, async () => (await ask('/x', await other.token())).status === 200);
    const before = upstream.seen.length;
    assert.equal((await ask('/x', await one.token())).code, 'key_not_found');
    assert.equal(upstream.seen.length, before);
  });
  await check('a ConfigMap that is wrong changes nothing, and is told', async () => {
    volumes.config(config('[[routes]]\npath = "/{*rest}"\naccess = "pubic"\n'));
    await until('the refusal', gateway, async () => (await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text())
      .includes('portcullis_config_reloads_total{outcome="refused"} 1'));
    assert.equal((await ask('/x')).code, 'token_missing');
    assert.equal((await ask('/open/x')).status, 200);
  });
}

/** What the restricted profile of the Pod Security Standards, and a root that is only read, do not allow. */
function unrestricted(spec) {
  const found = [];
  const must = (good, what) => { if (!good) found.push(what); };
  const outer = spec.securityContext ?? {};
  for (const key of ['hostNetwork', 'hostPID', 'hostIPC']) must(!spec[key], key);
  const volumes = ['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral', 'persistentVolumeClaim',
    'projected', 'secret'];
  for (const { name, ...source } of spec.volumes ?? []) {
    must(Object.keys(source).every((kind) => volumes.includes(kind)), `volume ${name}`);
  }
  for (const one of [...(spec.initContainers ?? []), ...spec.containers]) {
    const own = { ...outer, ...one.securityContext };
    must(own.runAsNonRoot === true, 'runAsNonRoot');
    must(own.runAsUser !== 0, 'runAsUser');
    must(['RuntimeDefault', 'Localhost'].includes(own.seccompProfile?.type), 'seccompProfile');
    must(own.allowPrivilegeEscalation === false, 'allowPrivilegeEscalation');
    must(!own.privileged, 'privileged');
    must(own.capabilities?.drop?.includes('ALL'), 'capabilities.drop');
    must((own.capabilities?.add ?? []).every((name) => name === 'NET_BIND_SERVICE'), 'capabilities.add');
    must((own.procMount ?? 'Default') === 'Default', 'procMount');
    must((one.ports ?? []).every((port) => !port.hostPort), 'hostPort');
    must(own.readOnlyRootFilesystem === true, 'readOnlyRootFilesystem');
  }
  return found;
}
