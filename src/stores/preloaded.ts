/**
 * Imported where nothing shall be loaded later: under Node, Deno and Bun (a server goes on while its
 * package is replaced), and where a seed decides the order of events (I11).
 */
import { cowStores } from "./cow/part.ts";
import * as stores from "./cow/stores.ts";
import { treeTools } from "./tree/part.ts";
import * as tools from "./tree/tools.ts";

cowStores.give(stores);
treeTools.give(tools);
