"""How the API behaves: one frozen struct. A value out of range is refused with its field named."""

from msgspec import Struct

KIB = 1024
MIB = 1024 * KIB
MAY_BE_0 = frozenset({"port", "kubo_port", "gas_cover_percent", "settled_age_s", "figures_age_s", "requests_per_min"})


class ApiSettings(Struct, frozen=True):
    """Sizes in bytes unless named otherwise, times in seconds. Defaults suit one machine."""

    host: str = "127.0.0.1"
    port: int = 8001
    kubo_port: int = 5001
    cors_origins: tuple[str, ...] = ()
    docs_assets: str = ""
    body_bytes_max: int = 1 * MIB
    upload_bytes_max: int = 64 * MIB
    prompt_bytes_max: int = 64 * KIB
    default_model: str = ""
    default_max_tokens: int = 256
    gas_cover_percent: int = 120
    """An order is declined that cannot pay this share of what its transactions cost a worker; 0 takes any.

    Workers ask for 100 unless told otherwise: the rest is for gas that rises until one of them looks.
    """
    gas_price_fresh_s: float = 5.0
    reservation_s: int = 120
    """How long an order that names its worker is kept for that one; then anyone may claim it, at the same prices."""
    template_tokens: int = 64
    message_tokens: int = 16
    order_wait_s: float = 30.0
    answer_wait_s_max: float = 60.0
    answers_bytes_max: int = 64 * MIB
    """What is kept of the explorer's answers, to be given again while the rows that they stand on stay the same."""
    figures_age_s: float = 5.0
    """While statistics are counted anew, those of a head that passed so long ago at most are given, and say so."""
    exports_at_once: int = 2
    page_rows: int = 20
    page_rows_max: int = 100
    count_exact_max: int = 10_000
    """Up to here `?count=true` counts the rows of a list; how many more there are is estimated."""
    settled_age_s: int = 86_400
    """How long caches may keep what can never change again without asking; 0 on a development chain, which forgets."""
    stories_max: int = 1_000
    story_events_max: int = 1_024
    heartbeat_s: float = 15.0
    slow_reader_s: float = 30.0
    streams_max: int = 2_000
    live_readers_max: int = 2_500
    live_together_s: float = 0.08
    """Changes within so long after the last that was told are told together."""
    operator_token: str = ""
    """Who sends it manages webhooks; nobody does while it is not set. Or `operator_token_file` holds it."""
    operator_token_file: str = ""
    webhook_key_file: str = ".tallystick/webhooks.key"
    """Encrypts the secrets of webhooks; made when it is first needed."""
    webhook_private_targets: bool = False
    webhook_timeout_s: float = 10.0
    workers_max: int = 256
    worker_message_bytes_max: int = 64 * KIB
    worker_hello_s: float = 10.0
    claim_wait_s: float = 5.0
    resume_orders_facts: int = 100_000
    requests_per_min: int = 0
    """How many requests one client (an IPv4 address, an IPv6 /64) may send in a minute; 0 for any number."""

    def __post_init__(self) -> None:
        for name in ("port", "kubo_port"):
            if not 0 <= getattr(self, name) <= 65535:
                raise ValueError(f"{name} is {getattr(self, name)}: a port is 0 (any free one) to 65535")
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, int | float) and not isinstance(value, bool) and name not in MAY_BE_0 and value <= 0:
                raise ValueError(f"{name} is {value}: it must be more than 0")
        if self.gas_cover_percent < 0:
            raise ValueError(f"gas_cover_percent is {self.gas_cover_percent}: 0 takes any order, 100 what pays its gas")
        if self.prompt_bytes_max > self.body_bytes_max:
            raise ValueError(
                f"prompt_bytes_max is {self.prompt_bytes_max}, more than body_bytes_max ({self.body_bytes_max}):"
                " such a prompt could never arrive"
            )
        if self.page_rows > self.page_rows_max:
            raise ValueError(f"page_rows is {self.page_rows}, more than page_rows_max ({self.page_rows_max})")
