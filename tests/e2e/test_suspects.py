"""A backend that takes every RCPT and refuses after the dot without naming anybody (Exchange 2013 and later).

Issue 2, "Relay out": 100 recipients of which one is refused after the dot, and a sender that tries again from a new
address in fixed order: the other 99 get it exactly once. The time between tries does not matter to the gateway, so
that the tries come without pauses here.
"""
import collections
import unittest

from harness import SiteTest, message

ALL = [f"user{i:02}@example.org" for i in range(100)]
TRIES = 40
REFUSAL = "550 5.1.1 one of these is unknown"


class Sender:
    """A queue with one message; it keeps to the protocol, and to its order."""

    def __init__(self, gateway, recipients):
        self.gateway = gateway
        self.waiting = list(recipients)
        self.delivered = []
        self.bounced = {}  # recipient -> (stage, reply)
        self.tries = 0

    def run(self):
        while self.waiting and self.tries < TRIES:
            self.tries += 1
            self.attempt()

    def attempt(self):
        client = self.gateway.client(source=(f"127.0.0.{self.tries + 1}", 0)).start()
        client.ask("MAIL FROM:<list@client.test>")
        accepted = []
        for recipient in list(self.waiting):
            answer = client.ask(f"RCPT TO:<{recipient}>")
            if answer.code == 250:
                accepted.append(recipient)
            elif answer.code >= 500:
                self.bounce(recipient, "rcpt", answer)
        if client.ask("DATA").code == 354:
            client.send(message("to many") + b".\r\n")
            answer = client.reply()
            if answer.code == 250:
                self.delivered += accepted
                self.waiting = [r for r in self.waiting if r not in accepted]
            elif answer.code >= 500:
                for recipient in accepted:
                    self.bounce(recipient, "message", answer)
        client.quit()

    def bounce(self, recipient, stage, answer):
        self.waiting.remove(recipient)
        self.bounced[recipient] = (stage, answer)


class OneOfAHundred(SiteTest):
    seconds = 12

    def run_with(self, *bad, recipients=ALL):
        backend = self.site.backend(dot=lambda _, stored: REFUSAL if set(bad) & set(stored.recipients) else None)
        gateway = self.site.gateway(backend, recipients=recipients)
        sender = Sender(gateway, recipients)
        sender.run()
        self.assertEqual(sender.waiting, [], f"still undelivered after {sender.tries} tries")
        got = collections.Counter(r for stored in backend.delivered for r in stored.recipients)
        self.assertEqual(got, collections.Counter(r for r in recipients if r not in bad))
        self.assertEqual(set(sender.bounced), set(bad))
        for stage, answer in sender.bounced.values():
            self.assert_reply(answer, 550, "5.1.1")
        return sender, gateway

    def test_the_other_99_get_it_once_wherever_the_bad_one_stands(self):
        for place in (0, 1, 49, 50, 98, 99):
            with self.subTest(place):
                _, gateway = self.run_with(ALL[place])
                # Found alone at last: refused behind its own dot, and from then on at RCPT.
                self.assert_reply(gateway.client().start().envelope("list@client.test", ALL[place])[1], 550, "5.1.1")

    def test_several_bad_ones(self):
        self.run_with(ALL[3], ALL[57], ALL[58])

    def test_two_recipients(self):
        self.run_with(ALL[1], recipients=ALL[:2])

    def test_the_learned_one_is_refused_for_others_too_and_forgotten_when_the_directory_knows_it_again(self):
        sender, gateway = self.run_with(ALL[7], recipients=ALL[:10])
        other = gateway.client().start()
        self.assert_reply(other.envelope("other@client.test", ALL[7])[1], 550, "5.1.1")
        # Out of the file, and in again: somebody made the mailbox.
        path = gateway.config["directories"]["staff"]["path"]
        for addresses in (ALL[:7], ALL[:10]):
            with open(path, "w") as file:
                file.write("\n".join(addresses) + "\n")
            gateway.reload()
        self.assertEqual(gateway.client().start().envelope("other@client.test", ALL[7])[1].code, 250)

    def test_a_sender_with_another_message_is_not_held_up_for_the_innocent(self):
        _, gateway = self.run_with(ALL[7], recipients=ALL[:10])
        answers = gateway.client().start().envelope("list@client.test", *[a for a in ALL[:10] if a != ALL[7]])
        self.assertEqual({a.code for a in answers}, {250})

    def test_postmaster_is_never_learned(self):
        backend = self.site.backend(dot=lambda _, stored: REFUSAL)
        gateway = self.site.gateway(backend)
        client = gateway.client().start()
        for _ in range(3):
            self.assert_reply(client.deliver(message(), recipients=["postmaster@example.org"]), 550, "5.1.1")
        self.assertEqual(client.envelope("x@client.test", "postmaster@example.org")[1].code, 250)


if __name__ == "__main__":
    unittest.main()
