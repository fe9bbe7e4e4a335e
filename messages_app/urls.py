"""The public addresses, each named once."""

from django.urls import path

from messages_app.views import log, messages, news, receipts, service, wall

app_name = "messages_app"

urlpatterns = [
    path("", wall.wall, name="wall"),
    path("messages/<int:number>/", messages.show, name="message"),
    path("messages/<int:number>/report/", messages.report, name="report"),
    path("reports/thanks/", messages.thanks, name="thanks"),
    path("receipts/<str:token>/", receipts.receipt, name="receipt"),
    path("feed/", news.feed, name="feed"),
    path("queue/<str:token>/feed/", news.queue_feed, name="queue_feed"),
    path("log/", log.log, name="log"),
    path("updates", news.updates, name="updates"),
    path("status", service.show_status, name="status"),
    path("manifest.webmanifest", service.manifest, name="manifest"),
    path("robots.txt", service.robots, name="robots"),
    path("livez", service.livez, name="livez"),
    path("readyz", service.readyz, name="readyz"),
]
