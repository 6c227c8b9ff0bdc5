"""What a provider or node says in refusing goes in; which limit it means, and what would be within it, comes out.

The texts are those that the public providers and the clients behind them use, each with where it was seen said. They
are matched in lower case; `n` is the number they allow, `first` and `last` the range of blocks they propose.
"""

import re
from collections.abc import Mapping
from enum import Enum

from msgspec import Struct


class Kind(Enum):
    """What there was too much of."""

    RANGE = "blocks in one question"
    ANSWER = "data in one answer"
    BATCH = "calls in one request"
    RATE = "calls in a short time"
    QUOTA = "calls in a day or month, or of this plan"


class Limit(Struct, frozen=True):
    """A limit that was met. `suggested` is within it; `is_lasting` says that it holds for every question."""

    kind: Kind
    suggested: int | None = None
    is_lasting: bool = False
    retry_after_s: float | None = None


class _Phrase(Struct, frozen=True):
    kind: Kind
    text: str
    source: str


TEXT_MAX = 2_000
"""So much of what a provider says is read."""

NUMBER = r"(?P<n>\d[\d,._]*k?)"
HEX_RANGE = r"\[(?P<first>0x[0-9a-f]+),\s*(?P<last>0x[0-9a-f]+)\]"
DECIMAL_RANGE = r"(?P<first>\d+)-(?P<last>\d+)"

PHRASES: tuple[_Phrase, ...] = (
    # Answers for which a range of blocks is proposed, after a plan's cap that is told along with one.
    _Phrase(Kind.RANGE, rf"up to a {NUMBER} block range\. based on", "Alchemy's plans; BobTheBuidler/dank_mids#772"),
    _Phrase(Kind.ANSWER, rf"this block range should work: {HEX_RANGE}", "Alchemy; chainlink evm client"),
    _Phrase(Kind.ANSWER, rf"try with this block range {HEX_RANGE}", "Infura, zkSync, thirdweb; ponder#724"),
    _Phrase(Kind.ANSWER, rf"retry with the range {DECIMAL_RANGE}", "reth, BlastAPI, dRPC on Base; reth#23810"),
    # Ranges of blocks, with their cap.
    _Phrase(Kind.RANGE, rf"range \d+ exceeds limit of {NUMBER}", "Infura; INFURA/infura#237"),
    _Phrase(Kind.RANGE, rf"range \d+ is bigger than range limit {NUMBER}", "Tenderly; bobanetwork/boba_legacy#827"),
    _Phrase(Kind.RANGE, rf"eth_getlogs is limited to 0 - {NUMBER} blocks? range", "1RPC"),
    _Phrase(Kind.RANGE, rf"limited to a {NUMBER}", "QuickNode, BlastAPI, 1RPC; ponder getLogsRetryHelper"),
    _Phrase(Kind.RANGE, rf"limited to {NUMBER} block", "BlockPI; ponder getLogsRetryHelper"),
    _Phrase(Kind.RANGE, rf"ranges over {NUMBER} blocks are not supported", "dRPC, code 35"),
    _Phrase(Kind.RANGE, rf"exceeds the range allowed for your plan \(\d+ > {NUMBER}\)", "BlastAPI"),
    _Phrase(Kind.RANGE, rf"max range: {NUMBER}", "Cloudflare; ponder getLogsRetryHelper"),
    _Phrase(Kind.RANGE, rf"maximum block range: {NUMBER}", "publicnode, BSC nodes, NodeReal"),
    _Phrase(Kind.RANGE, rf"max block range {NUMBER}", "reth, Pocket, Hyperliquid"),
    _Phrase(Kind.RANGE, rf"server limit, narrow your filter: {NUMBER}", "erigon; erigontech/erigon#19721"),
    _Phrase(Kind.RANGE, rf"block range is too wide \(maximum {NUMBER}\)", "Moonbeam, Moonriver"),
    _Phrase(Kind.RANGE, rf"blocks distance: {NUMBER}", "Ankr, TAC"),
    _Phrase(Kind.RANGE, rf"maximum allowed number of requested blocks is {NUMBER}", "thirdweb"),
    _Phrase(Kind.RANGE, rf"requested too many blocks from \d+ to \d+, maximum is set to {NUMBER}", "Avalanche, coreth"),
    _Phrase(Kind.RANGE, rf"limit the query to at most {NUMBER} blocks", "Coinbase"),
    _Phrase(Kind.RANGE, rf"range is too large, max is {NUMBER} blocks", "Merkle"),
    _Phrase(Kind.RANGE, rf"block range greater than {NUMBER} max", "Swell"),
    _Phrase(Kind.RANGE, rf"block range exceeds {NUMBER}", "Somnia"),
    _Phrase(Kind.RANGE, rf"query must be smaller than size {NUMBER}", "Harmony"),
    _Phrase(Kind.RANGE, rf"up to a {NUMBER} block range", "Aurora; ponder getLogsRetryHelper"),
    _Phrase(Kind.RANGE, rf"too wide blocks range, the limit is {NUMBER}", "SimplyVC; chainlink evm client"),
    _Phrase(Kind.RANGE, rf"maximum allowed is {NUMBER} blocks", "Sei; envio rpc range errors"),
    _Phrase(Kind.RANGE, rf"block range \d+ exceeds the maximum of {NUMBER}", "nethermind#12149"),
    # Ranges of blocks, without a number.
    _Phrase(Kind.RANGE, r"block range limit exceeded", "Chainstack"),
    _Phrase(Kind.RANGE, r"block range is too (wide|large)", "Ankr, OP nodes"),
    _Phrase(Kind.RANGE, r"block range too large", "Base"),
    _Phrase(Kind.RANGE, r"requested range too large", "Arc, code -32012"),
    _Phrase(Kind.RANGE, r"requested range exceeds maximum( rpc)? range limit", "besu, EthGetLogs"),
    _Phrase(Kind.RANGE, r"block range is bigger than maxblockrange", "scroll; scroll-tech/go-ethereum#529"),
    # Answers of too many logs or bytes.
    _Phrase(Kind.ANSWER, r"query returned more than \d+ results", "Infura, Aurora, Polygon zkEVM, ZetaChain"),
    _Phrase(Kind.ANSWER, r"query exceeds max results", "reth, LlamaNodes, Ankr"),
    _Phrase(Kind.ANSWER, r"query returns too many logs", "erigon; erigontech/erigon#19721"),
    _Phrase(Kind.ANSWER, r"more than \d+ logs", "HyperRPC; envio rpc range errors"),
    _Phrase(Kind.ANSWER, r"logs matched by query exceeds limit of \d+", "Arbitrum, Chainstack"),
    _Phrase(Kind.ANSWER, r"log response size exceeded", "Alchemy; bancorprotocol/webapp#523"),
    _Phrase(Kind.ANSWER, r"response size should not greater than \d+ bytes", "1RPC"),
    _Phrase(Kind.ANSWER, r"backend response too large", "OP nodes, Base, code -32020"),
    _Phrase(Kind.ANSWER, r"response is too big", "jsonrpsee (reth), Soneium, code -32008"),
    _Phrase(Kind.ANSWER, r"response exceeds? size limit", "proxies before nodes"),
    _Phrase(Kind.ANSWER, r"response too large", "geth, a batch's answers over 25 MB"),
    _Phrase(Kind.ANSWER, r"request entity too large|payload too large|content too large", "HTTP 413 of proxies"),
    # Calls in one request.
    _Phrase(Kind.BATCH, rf"batch limit {NUMBER} exceeded", "erigon; erigontech/erigon#7072, #17245"),
    _Phrase(Kind.BATCH, rf"batch of more than {NUMBER} requests are not allowed", "dRPC, code 31; 1RPC"),
    _Phrase(Kind.BATCH, rf"batch request was too large.*exceeded max limit of {NUMBER}", "jsonrpsee (reth), -32010"),
    _Phrase(Kind.BATCH, r"batch (request|response) was too large", "jsonrpsee (reth)"),
    _Phrase(Kind.BATCH, r"too many \[.*\] methods in the batch", "Gnosis; AlphaWallet/alpha-wallet-ios#5021"),
    _Phrase(Kind.BATCH, r"number of requests in batch exceeds", "besu; besu-eth/besu#4951"),
    _Phrase(Kind.BATCH, r"in batch triggered rate limit", "BSC, publicnode, of some methods in any batch"),
    _Phrase(Kind.BATCH, r"batch too large", "geth; ethereum/go-ethereum#26681"),
    _Phrase(Kind.BATCH, r"batch(ed)? requests? (are|is) (not supported|not allowed|disabled)", "jsonrpsee, proxies"),
    # Calls in a day or month, before those in a short time, whose words they share.
    _Phrase(Kind.QUOTA, r"monthly (capacity|quota) limit", "Alchemy, NodeReal; xmtp/xmtpd#672"),
    _Phrase(Kind.QUOTA, r"daily request count exceeded", "Infura, Tenderly"),
    _Phrase(Kind.QUOTA, r"exceeded the quota|reached the quota|reached the free tier", "Chainstack, BlockPI"),
    # Calls in a short time.
    _Phrase(Kind.RATE, r"compute units per second capacity", "Alchemy; gitcoinco/grants-stack-indexer#156"),
    _Phrase(Kind.RATE, r"project id request rate exceeded", "Infura, code -32005"),
    _Phrase(Kind.RATE, r"\d+/(second|minute) request limit reached", "QuickNode, -32007; foundry-rs/foundry#4894"),
    _Phrase(Kind.RATE, r"call rate limit exhausted", "Ankr, code -32090"),
    _Phrase(Kind.RATE, r"over rate limit", "OP nodes and Base (proxyd), code -32016"),
    _Phrase(Kind.RATE, r"requests limited to", "Chainstack; erpc error_normalizer"),
    _Phrase(Kind.RATE, r"under too much load", "publicnode, BlockPI; erpc error_normalizer"),
    _Phrase(Kind.RATE, r"rate.?limit|too many requests|(?<!gas )limit exceeded", "Tenderly, BSC, LlamaNodes and most"),
)  # fmt: skip

_PHRASES = tuple((each, re.compile(each.text, re.DOTALL)) for each in PHRASES)
_AGAIN_IN = re.compile(r"retry in (?:(\d+)m)?(\d+(?:\.\d+)?)s\b|try again in (?:(\d+)m)?(\d+(?:\.\d+)?) ?s")
_BACKOFF = re.compile(r"backoff_seconds\D{1,5}(\d+(?:\.\d+)?)")

RANGED = frozenset({"eth_getLogs", "eth_getBlockReceipts"})
SLOW = re.compile(r"query timeout|timed out|timeout|deadline exceeded|took too long")
"""Of a question for many logs, this means that there were too many."""


def read(method: str, said: str) -> Limit | None:
    """The limit that an error's text speaks of, None when it speaks of something else."""
    text = said[:TEXT_MAX].lower()
    for phrase, pattern in _PHRASES:
        if found := pattern.search(text):
            return _limit(phrase.kind, found.groupdict(), text)
    if method in RANGED and SLOW.search(text):
        return Limit(Kind.ANSWER)
    return None


def _limit(kind: Kind, numbers: Mapping[str, str | None], text: str) -> Limit:
    first, last, cap = numbers.get("first"), numbers.get("last"), numbers.get("n")
    if first and last:
        return Limit(kind, max(1, int(last, 0) - int(first, 0) + 1))
    if cap:
        return Limit(kind, max(1, _count(cap)), is_lasting=True)
    return Limit(kind, retry_after_s=_retry_after_s(text))


def _count(text: str) -> int:
    """`10,000` or `10k`."""
    digits = re.sub(r"\D", "", text)
    return int(digits) * (1000 if text.endswith("k") else 1)


def _retry_after_s(text: str) -> float | None:
    if found := _AGAIN_IN.search(text):
        minutes, seconds = (found[1], found[2]) if found[2] else (found[3], found[4])
        return int(minutes or 0) * 60 + float(seconds)
    found = _BACKOFF.search(text)
    return float(found[1]) if found else None
