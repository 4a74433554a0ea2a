/** Certificates for an hour of tests, made by openssl: who signs, who serves, who may come in. */
import fs from "node:fs";
import path from "node:path";
import { fresh } from "../cli/program.ts";
import { isThere } from "../needs.ts";
import { ask } from "./programs.ts";

export interface Certificates {
  /** PEM files of the server. */
  cert: string;
  key: string;
  ca: string;
  /** Folders as libnbd and qemu expect them: the CA that is trusted, and a certificate to show. */
  client: string;
  /** Trusts the server, and has nothing to show. */
  nameless: string;
  /** Trusts the server, and shows what another CA has signed. */
  foreign: string;
  /** Trusts another CA. */
  distrustful: string;
}

const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
/** Without one of our own, openssl takes the system's, whose extensions would come on top. */
const CONFIG = "[req]\ndistinguished_name = name\n[name]\n";
const CA = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"];
const LEAF = ["basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature"];
const SERVER = [...LEAF, "extendedKeyUsage=serverAuth"];
const CLIENT = [...LEAF, "extendedKeyUsage=clientAuth"];

/** Without openssl there are none: all paths are empty. */
export async function makeCertificates(): Promise<Certificates> {
  if (!isThere("openssl")) {
    return { cert: "", key: "", ca: "", client: "", nameless: "", foreign: "", distrustful: "" };
  }
  const folder = fresh("certificates");
  fs.mkdirSync(folder);
  const of = (name: string) => ({
    cert: path.join(folder, `${name}-cert.pem`),
    key: path.join(folder, `${name}-key.pem`),
  });
  const config = path.join(folder, "openssl.cnf");
  fs.writeFileSync(config, CONFIG);
  const issue = (name: string, extensions: string[], signer: string | null) => {
    const signed = signer ? ["-CA", of(signer).cert, "-CAkey", of(signer).key] : [];
    const what = ["-subj", `/CN=${name}`, ...extensions.flatMap((each) => ["-addext", each])];
    const where = ["-keyout", of(name).key, "-out", of(name).cert];
    return ask("openssl", [
      "req",
      "-config",
      config,
      "-x509",
      ...KEY,
      ...signed,
      ...what,
      ...where,
    ]);
  };
  await issue("ca", CA, null);
  await issue("other", CA, null);
  await issue("server", [...SERVER, "subjectAltName=DNS:localhost,IP:127.0.0.1"], "ca");
  await issue("client", CLIENT, "ca");
  await issue("foreign", CLIENT, "other");
  return {
    ...of("server"),
    ca: of("ca").cert,
    client: gather(folder, "for-client", of("ca").cert, of("client")),
    nameless: gather(folder, "for-nameless", of("ca").cert),
    foreign: gather(folder, "for-foreign", of("ca").cert, of("foreign")),
    distrustful: gather(folder, "for-distrustful", of("other").cert, of("client")),
  };
}

interface Pair {
  cert: string;
  key: string;
}

function gather(folder: string, name: string, ca: string, own?: Pair): string {
  const target = path.join(folder, name);
  fs.mkdirSync(target);
  fs.copyFileSync(ca, path.join(target, "ca-cert.pem"));
  if (own) {
    fs.copyFileSync(own.cert, path.join(target, "client-cert.pem"));
    fs.copyFileSync(own.key, path.join(target, "client-key.pem"));
  }
  return target;
}
