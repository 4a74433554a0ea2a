/**
 * TLS with clients that check: who may come in, who is trusted, and that a failed attempt of one is
 * nothing to the others. libnbd looks at the server's certificate on TCP only, qemu also on Unix
 * sockets.
 */
import fs from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fresh, json, succeed, wrongUsage } from "../cli/program.ts";
import { Random } from "../model/prng.ts";
import { testsWith } from "../needs.ts";
import { makeCertificates } from "./certificates.ts";
import { imageFile, sameBytes, sparseBytes } from "./image.ts";
import { scriptsFor } from "./libnbd/nbdsh.ts";
import { ask, complaint } from "./programs.ts";
import { refusedToServe, type Served, serve, serveOn } from "./served.ts";

const SIZE = 48 * 2 ** 20;
const content = sparseBytes(new Random(31), SIZE, 12);
const image = imageFile(content);
const REFUSED_CLIENT = /TLS fatal alert|TLS.*(closed|terminated|Error)|Connection reset|EOF/i;

const store = fresh("disk.msnap");
await succeed("create", store, "--size", "48M");
const pem = await makeCertificates();
const tls = pem.cert === "" ? [] : ["--tls-cert", pem.cert, "--tls-key", pem.key];

/** What clients are told to connect to, with a folder of certificates. */
function tlsUri(served: Served, certificates: string): string {
  const uri = served.ready.replace(/^ready /, "");
  return `${uri}${uri.includes("?") ? "&" : "?"}tls-certificates=${certificates}`;
}

/** qemu's words for a TLS connection to a Unix socket. */
function qemuOptions({ socket }: Served, certificates: string): string[] {
  const credentials = `tls-creds-x509,id=tls,endpoint=client,dir=${certificates},verify-peer=yes`;
  const server = `driver=nbd,server.type=unix,server.path=${socket}`;
  const options = `${server},tls-creds=tls,tls-hostname=localhost`;
  return ["info", "--output=json", "--object", credentials, "--image-opts", options];
}

async function usesTls(served: Served, certificates: string): Promise<void> {
  const uri = tlsUri(served, certificates);
  const { TLS, exports } = JSON.parse(await ask("nbdinfo", ["--json", uri]));
  assert.is(TLS, true);
  assert.is(exports[0]["export-size"], SIZE);
}

const unixServed = await serve(store, ...tls);
const needsNbdcopy = testsWith("openssl", "nbdinfo", "nbdcopy");
const needsQemu = testsWith("openssl", "qemu-img");
const needsNbdinfo = testsWith("openssl", "nbdinfo");
const scriptTest = scriptsFor(unixServed, 4096, "openssl");

needsNbdinfo("the ready line is a TLS address", () => {
  assert.is(unixServed.ready, `ready nbds+unix:///?socket=${unixServed.socket}`);
});

needsNbdcopy("a disk goes in and comes out, encrypted", async () => {
  await usesTls(unixServed, pem.nameless);
  const uri = tlsUri(unixServed, pem.nameless);
  await ask("nbdcopy", ["--connections=3", "--requests=16", image, uri]);
  const out = fresh("out.raw");
  await ask("nbdcopy", [uri, out]);
  sameBytes(fs.readFileSync(out), content, "out");
});

needsQemu("qemu checks the certificate on a Unix socket, too", async () => {
  const info = JSON.parse(await ask("qemu-img", qemuOptions(unixServed, pem.nameless)));
  assert.is(info["virtual-size"], SIZE);
  const said = await complaint("qemu-img", qemuOptions(unixServed, pem.distrustful));
  assert.match(said, /certificate/);
});

scriptTest(
  "a random walk over TLS, with large requests and many at once",
  `
def secure(**settings):
    return connect(tls=nbd.TLS_REQUIRE, tls_certificates="${pem.nameless}", **settings)
for settings in [{}, {"request_structured_replies": False}, {"handshake_flags": 1}]:
    disk = Disk(secure(**settings))
    assert disk.handle.get_tls_negotiated()
    for step in range(150):
        act(disk)
    disk.write(MIB + 1, R.randbytes(PAYLOAD_MAX))
    disk.check()
handles = [secure() for _ in range(4)]
pieces = [R.randbytes(100 * KIB) for _ in range(200)]
for n, piece in enumerate(pieces):
    handles[n % 4].aio_pwrite(piece, n * 200 * KIB, ended)
drain(*handles)
for n, piece in enumerate(pieces):
    assert handles[(n + 1) % 4].pread(len(piece), n * 200 * KIB) == piece
`,
);

scriptTest(
  "who does not speak TLS is told so, whatever it asks, and gets nothing",
  `
h = nbd.NBD()
h.set_opt_mode(True)
h.connect_unix(SOCKET)
fails(errno.ENOTSUP, h.opt_info)
fails(errno.ENOTSUP, h.opt_go)
names = []
fails(errno.ENOTSUP, h.opt_list, lambda name, description: names.append(name))
assert names == []
h.opt_abort()
for flags in [0, nbd.HANDSHAKE_FLAG_NO_ZEROES]:
    try:
        connect(handshake_flags=flags)
        raise AssertionError("without TLS")
    except nbd.Error:
        pass
# Who would like TLS gets it.
willing = connect(tls=nbd.TLS_ALLOW, tls_certificates="${pem.nameless}")
assert willing.get_tls_negotiated()
`,
);

needsQemu("qemu says what is missing", async () => {
  const said = await complaint("qemu-img", ["info", unixServed.uri()]);
  assert.match(said, /TLS negotiation required/);
  assert.match(said, /server reported: .*TLS/);
});

needsNbdinfo("on TCP the server's certificate is checked, and its name", async () => {
  await unixServed.stop();
  await using served = await serveOn(store, "", "--listen", "127.0.0.1:0", ...tls);
  assert.match(served.ready, /^ready nbds:\/\/127\.0\.0\.1:[1-9]\d*\/$/);
  await usesTls(served, pem.nameless);
  const wrong = await complaint("nbdinfo", [tlsUri(served, pem.distrustful)]);
  assert.match(wrong, /certificate verification/);
  await complaint("nbdinfo", [tlsUri(served, pem.nameless).replace("nbds:", "nbd:")]);
  await usesTls(served, pem.nameless);
  await served.stop();

  // The certificate is for localhost and 127.0.0.1.
  await using other = await serveOn(store, "", "--listen", "127.0.0.2:0", ...tls);
  assert.match(await complaint("nbdinfo", [tlsUri(other, pem.nameless)]), /certificate/);
  await other.stop();
});

needsNbdinfo("with --tls-ca only those come in whom it has signed", async () => {
  for (const where of [
    ["--listen", "localhost:0"],
    ["--socket", fresh("socket")],
  ]) {
    await using served = await serveOn(store, where[1] ?? "", ...where, ...tls, "--tls-ca", pem.ca);
    await usesTls(served, pem.client);
    for (const unwanted of [pem.nameless, pem.foreign]) {
      const said = await complaint("nbdinfo", [tlsUri(served, unwanted)]);
      assert.match(said, REFUSED_CLIENT);
      await usesTls(served, pem.client);
    }
    await served.stop();
  }
});

needsQemu("also those whom qemu brings", async () => {
  await using served = await serve(store, ...tls, "--tls-ca", pem.ca);
  await ask("qemu-img", qemuOptions(served, pem.client));
  await complaint("qemu-img", qemuOptions(served, pem.foreign));
  await complaint("qemu-img", qemuOptions(served, pem.nameless));
  await ask("qemu-img", qemuOptions(served, pem.client));
  await served.stop();
});

needsNbdinfo("who insists on TLS leaves a server that has none", async () => {
  await using served = await serve(store);
  const uri = `nbds+unix:///?socket=${served.socket}&tls-certificates=${pem.nameless}`;
  assert.match(await complaint("nbdinfo", [uri]), /TLS|connection is closed/);
  await ask("nbdinfo", [served.uri()]);
  await served.stop();
});

needsNbdinfo(
  "files that are no certificates, or do not fit, are refused at the start",
  async () => {
    const garbage = fresh("garbage");
    fs.writeFileSync(garbage, "no certificate\n");
    const refusal = (code: string, cert: string, key: string, ...more: string[]) => {
      const files = ["--tls-cert", cert, "--tls-key", key, ...more];
      return refusedToServe(code, store, "--socket", fresh("socket"), ...files);
    };
    await refusal("Invalid", garbage, pem.key);
    await refusal("Invalid", pem.cert, garbage);
    await refusal("Invalid", pem.cert, `${pem.client}/client-key.pem`);
    await refusal("Invalid", pem.cert, pem.key, "--tls-ca", garbage);
    await refusal("NotFound", fresh("nothing"), pem.key);
    await wrongUsage("serve", store, "--tls-cert", pem.cert);
    await wrongUsage("serve", store, "--tls-ca", pem.ca);
  },
);

test("in the end the store is clean", async () => {
  assert.is((await json("check", store)).clean, true);
});
test.run();
