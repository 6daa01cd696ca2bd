"""The email action over SMTP: one connection a mail, through the guarded socket, certificates checked."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Mapping

import aiosmtplib

from autoflow.actions.base import Request
from autoflow.actions.exchange import settle
from autoflow.actions.kinds import SMTP_PORTS
from autoflow.actions.mail import Mail, compose_mail
from autoflow.model.json import Json, JsonObject
from autoflow.model.run import Delivered, Outcome, Reject, Retry
from autoflow.security.outgoing import DEADLINE_MS, Outgoing, disown
from autoflow.security.patience import Patience
from autoflow.security.secrets import Secrets

_FAREWELL_SECONDS = 2.0
_HELO = "localhost.localdomain"
_NOT_THEIR_CERTIFICATE = (62, 64)


class EmailAction:
    """Sends through the mail server of one notifier."""

    def __init__(
        self,
        outgoing: Outgoing,
        secrets: Secrets,
        *,
        options: Mapping[str, Json],
        timeout_ms: int = DEADLINE_MS,
    ) -> None:
        self._outgoing = outgoing
        self._secrets = secrets
        self._options = options
        self._host = str(options["host"])
        self._tls = str(options.get("tls", "starttls"))
        self._port = int(options.get("port") or SMTP_PORTS[self._tls])
        self._seconds = timeout_ms / 1000
        self._context = ssl.create_default_context(cafile=options.get("ca_file"))

    def target(self, params: JsonObject) -> str | None:
        """The mail server."""
        return f"smtp:{self._host}:{self._port}"

    async def perform(self, request: Request) -> Outcome:
        """Send once."""
        return await settle(self._send(request), self._secrets)

    async def _send(self, request: Request) -> Outcome:
        mail = compose_mail(request, str(self._options["from"]))
        password = self._secrets.resolve(str(self._options.get("password") or ""))
        try:
            refused = await self._deliver(mail, password)
        except TimeoutError:
            return Retry(code="timeout", detail=f"{self._host}:{self._port} did not answer in time")
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            return judge_error(error)
        output: dict[str, Json] = {"message_id": mail.message_id}
        if refused:
            # the others have it: sending again would reach them twice
            output["refused"] = refused
        return Delivered(output=output)

    async def _deliver(self, mail: Mail, password: str) -> dict[str, Json]:
        client = aiosmtplib.SMTP(
            hostname=self._host,
            use_tls=self._tls == "tls",
            start_tls=False,
            tls_context=self._context,
            timeout=None,  # Patience counts
            local_hostname=str(self._options.get("helo", _HELO)),
        )
        try:
            async with Patience(self._seconds):
                await self._connect(client)
                await self._secure(client, password)
                answers, _ = await client.sendmail(mail.sender, list(mail.recipients), mail.content)
            # the server has answered for the mail: a failing farewell must not undo that
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await client.quit(timeout=_FAREWELL_SECONDS)
            return {address: f"{code} {text}" for address, (code, text) in answers.items()}
        finally:
            client.close()

    async def _connect(self, client: aiosmtplib.SMTP) -> None:
        made = await self._outgoing.open_smtp_socket(self._host, self._port, self._seconds)
        try:
            await client.connect(sock=made)
        except BaseException:
            disown(made)
            raise

    async def _secure(self, client: aiosmtplib.SMTP, password: str) -> None:
        """TLS where it is asked for, never less; then the login."""
        if self._tls == "starttls":
            await client.ehlo()
            if not client.supports_extension("starttls"):
                raise aiosmtplib.SMTPNotSupported(f"{self._host} does not offer STARTTLS")
            await client.starttls()
        if username := self._options.get("username"):
            await client.login(self._secrets.resolve(str(username)), password)


def judge_error(error: Exception) -> Retry | Reject:
    """The outcome of a failed mail: 4yz passes, 5yz does not, a broken connection passes."""
    match error:
        case aiosmtplib.SMTPRecipientsRefused():
            first = next((one for one in error.recipients if one.code < 500), error.recipients[0])
            return judge_error(first)
        case aiosmtplib.SMTPResponseException():
            code, detail = f"smtp-{error.code}", f"{error.code} {error.message}"
            if 500 <= error.code < 600:
                return Reject(code=code, detail=detail)
            return Retry(code=code, detail=detail)
        case aiosmtplib.SMTPTimeoutError():
            return Retry(code="timeout", detail=str(error))
        case aiosmtplib.SMTPNotSupported():
            return Reject(code="smtp-not-supported", detail=str(error))
        case aiosmtplib.SMTPServerDisconnected() | ConnectionError() | ssl.SSLError():
            return _judge_connection(error)
        case ValueError():
            return Reject(code="bad-mail", detail=str(error))
        case _:
            return Retry(code="reset", detail=str(error))


def _judge_connection(error: BaseException) -> Retry | Reject:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            if cause.verify_code in _NOT_THEIR_CERTIFICATE:
                return Reject(code="certificate", detail=str(cause))
            return Retry(code="tls", detail=str(cause))
        if isinstance(cause, ssl.SSLError):
            return Retry(code="tls", detail=str(cause))
        cause = cause.__cause__ or cause.__context__
    return Retry(code="reset", detail=str(error))
